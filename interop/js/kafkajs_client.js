// kafkajs, driven by interop's tests: producer and admin. It consumes in groups alone.
// See process_test.go for the commands.
'use strict'

const readline = require('readline')
const { createRequire } = require('module')

// The packages are installed in the folder that is the first argument.
const need = createRequire(process.argv[2] + '/')
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } = need('kafkajs')
const lz4 = need('lz4js')
const xxh32 = need('lz4js/xxh32.js')
const snappy = need('snappyjs')
const zstd = need('@bokuweb/zstd-wasm')

const kafka = new Kafka({ brokers: [process.argv[3]], logLevel: logLevel.NOTHING })
const text = ' the quick brown fox jumps over the lazy dog and then does so again, and again, and once more; '

const codec = (compress) => () => ({
  compress: async (encoder) => Buffer.from(compress(encoder.buffer)),
  decompress: async () => { throw new Error('not used') },
})
CompressionCodecs[CompressionTypes.Snappy] = codec((b) => snappy.compress(b))
CompressionCodecs[CompressionTypes.ZSTD] = codec((b) => zstd.compress(b, 3))
CompressionCodecs[CompressionTypes.LZ4] = codec((b) => {
  // Kafka takes frames of independent blocks only. A batch here is a single block, which is
  // independent of nothing, so it is enough to say so and to mend the header's checksum.
  const frame = lz4.compress(b)
  frame[4] |= 0x20
  frame[6] = (xxh32.hash(0, frame, 4, 2) >> 8) & 0xff
  return frame
})
const types = {
  none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD,
}

const admin = kafka.admin()
let connected
const connect = () => (connected ??= admin.connect())

const resource = (topic) => ({ type: ConfigResourceTypes.TOPIC, name: topic })
const pairs = (arg) => arg.split(',').map((p) => ({ name: p.split('=')[0], value: p.split('=')[1] }))

const verbs = {
  async produce (topic, partition, codec, acks, idempotent, count) {
    const producer = kafka.producer({ idempotent: idempotent === 'true', maxInFlightRequests: 1, retry: { retries: 5 } })
    await producer.connect()
    const messages = []
    for (let i = 0; i < Number(count); i++) {
      messages.push({ key: `key-${i}`, value: `value-${i}${text}${text}`, headers: { h: 'v' }, partition: Number(partition) })
    }
    await producer.send({ topic, messages, compression: types[codec], acks: acks === 'all' ? -1 : Number(acks) })
    await producer.disconnect()
  },
  async create (topic, partitions, configs) {
    await connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: Number(partitions), replicationFactor: 1, configEntries: pairs(configs) }] })
  },
  async describe (topic) {
    await connect()
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    console.log('partitions ' + topics[0].partitions.length)
  },
  async set (topic, name, value) {
    await connect()
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource(topic), configEntries: [{ name, value }] }] })
  },
  async config (topic, name) {
    await connect()
    const { resources } = await admin.describeConfigs({ includeSynonyms: true, resources: [{ ...resource(topic), configNames: [name] }] })
    console.log('config ' + resources[0].configEntries[0].configValue)
  },
  async grow (topic, total) {
    await connect()
    await admin.createPartitions({ topicPartitions: [{ topic, count: Number(total) }] })
  },
  async 'delete-records' (topic, partition, offset) {
    await connect()
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: Number(partition), offset }] })
  },
  async delete (topic) {
    await connect()
    await admin.deleteTopics({ topics: [topic] })
  },
}

async function main () {
  await zstd.init()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [verb, ...args] = line.split(' ')
    if (verb === 'set') args.splice(2, args.length, args.slice(2).join(' '))
    try {
      await verbs[verb](...args)
      console.log('ok')
    } catch (e) {
      console.log('error ' + String(e.message || e).replace(/\n/g, ' '))
    }
  }
  if (connected) await admin.disconnect()
}

main()
