"""aiokafka, driven by interop's tests."""

import asyncio
import sys

import common
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

BOOTSTRAP = sys.argv[1]


async def produce(topic, partition, codec, acks, idempotent, count):
    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        compression_type=None if codec == "none" else codec,
        acks=acks if acks == "all" else int(acks),
        enable_idempotence=idempotent == "true",
        linger_ms=50,
    )
    await producer.start()
    try:
        sent = [
            await producer.send(topic, common.value(i), key=common.key(i), headers=[("h", b"v")], partition=int(partition))
            for i in range(int(count))
        ]
        await producer.flush()
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def read(topic, partition, count, offset_of):
    consumer = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=None, enable_auto_commit=False)
    await consumer.start()
    try:
        tp = TopicPartition(topic, int(partition))
        consumer.assign([tp])
        consumer.seek(tp, await offset_of(consumer, tp))
        for _ in range(int(count)):
            common.show(await asyncio.wait_for(consumer.getone(), 10))
    finally:
        await consumer.stop()


async def consume(topic, partition, offset, count):
    async def at(consumer, tp):
        return int(offset)

    await read(topic, partition, count, at)


async def consume_at(topic, partition, timestamp, count):
    async def at(consumer, tp):
        return (await consumer.offsets_for_times({tp: int(timestamp)}))[tp].offset

    await read(topic, partition, count, at)


async def with_admin(f):
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    try:
        return await f(admin)
    finally:
        await admin.close()


def check(response):
    """Raises the first error code of a response: these calls return responses as they came."""
    for name in ("topic_errors", "topic_error_codes", "resources"):
        for entry in getattr(response, name, []):
            code = entry[0] if name == "resources" else entry[1]
            if code:
                raise RuntimeError(f"error code {code}: {entry}")


async def create(topic, partitions, configs):
    new = NewTopic(topic, int(partitions), 1, topic_configs=common.configs(configs))
    check(await with_admin(lambda a: a.create_topics([new])))


async def describe(topic):
    (t,) = await with_admin(lambda a: a.describe_topics([topic]))
    if t["error_code"]:
        raise RuntimeError(f"error {t['error_code']}")
    print("partitions", len(t["partitions"]))


async def set(topic, key, value):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={key: value})
    for response in await with_admin(lambda a: a.alter_configs([resource])):
        check(response)


async def config(topic, key):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={key: None})
    for response in await with_admin(lambda a: a.describe_configs([resource])):
        for res in response.resources:
            for entry in res[4]:
                if entry[0] == key:
                    print("config", entry[1])
                    return
    raise KeyError(key)


async def grow(topic, total):
    check(await with_admin(lambda a: a.create_partitions({topic: NewPartitions(total_count=int(total))})))


async def delete_records(topic, partition, offset):
    tp = TopicPartition(topic, int(partition))
    await with_admin(lambda a: a.delete_records({tp: RecordsToDelete(before_offset=int(offset))}))


async def delete(topic):
    check(await with_admin(lambda a: a.delete_topics([topic])))


async def main():
    for verb, args in common.read_commands():
        try:
            await globals()[verb](*args)
            common.answer()
        except Exception as e:  # whatever it is, the test wants to see it
            common.answer(e)


asyncio.run(main())
