// kafkajs, driven by interop's tests. It consumes in groups alone.
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

const codec = (compress, decompress) => () => ({
  compress: async (encoder) => Buffer.from(compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(decompress(buffer)),
})
CompressionCodecs[CompressionTypes.Snappy] = codec((b) => snappy.compress(b), (b) => snappy.uncompress(b))
CompressionCodecs[CompressionTypes.ZSTD] = codec((b) => zstd.compress(b, 3), (b) => zstd.decompress(b))
CompressionCodecs[CompressionTypes.LZ4] = codec((b) => {
  // Kafka takes frames of independent blocks only. A batch here is a single block, which is
  // independent of nothing, so it is enough to say so and to mend the header's checksum.
  const frame = lz4.compress(b)
  frame[4] |= 0x20
  frame[6] = (xxh32.hash(0, frame, 4, 2) >> 8) & 0xff
  return frame
}, (b) => lz4.decompress(b))
const types = {
  none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD,
}

const admin = kafka.admin()
let connected
const connect = () => (connected ??= admin.connect())

const resource = (topic) => ({ type: ConfigResourceTypes.TOPIC, name: topic })
const pairs = (arg) => arg.split(',').map((p) => ({ name: p.split('=')[0], value: p.split('=')[1] }))

const members = new Map() // by name: { consumer, records, last }

const groupSettings = { heartbeatInterval: 200, sessionTimeout: 6000, rebalanceTimeout: 6000, maxWaitTimeInMs: 200 }
const next = (offset) => String(BigInt(offset) + 1n)

// readGroup lets a group's only member read n records of a topic, and then hands them to done.
async function readGroup (groupId, topic, n, done) {
  const consumer = kafka.consumer({ groupId, ...groupSettings })
  const records = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await new Promise((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error(`${records.length} of ${n} records`)), 30000)
      consumer.run({
        autoCommit: false,
        eachMessage: async ({ topic, partition, message }) => {
          records.push({ topic, partition, offset: message.offset, value: message.value.toString() })
          if (records.length === n) {
            clearTimeout(timeout)
            resolve()
          }
        },
      }).catch(reject)
    })
    await done(records)
  } finally {
    await consumer.disconnect()
  }
}

async function begin (id) {
  const producer = kafka.producer({ transactionalId: id, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  return { producer, transaction: await producer.transaction() }
}

const finish = (transaction, end) => end === 'commit' ? transaction.commit() : transaction.abort()

const verbs = {
  async join (name, groupId, topic) {
    const m = { consumer: new Kafka({ clientId: name, brokers: [process.argv[3]], logLevel: logLevel.NOTHING }).consumer({ groupId, ...groupSettings }), records: [], last: new Map() }
    members.set(name, m)
    await m.consumer.connect()
    await m.consumer.subscribe({ topics: [topic], fromBeginning: true })
    m.consumer.on(m.consumer.events.CRASH, ({ payload }) => { m.failure = payload.error })
    await m.consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        m.records.push(`placed ${topic} ${partition} ${message.offset} ${message.value}`)
        m.last.set(partition, { topic, partition, offset: next(message.offset) })
      },
    })
  },
  async read (name) {
    const m = members.get(name)
    if (m.failure) throw m.failure
    for (const line of m.records.splice(0)) console.log(line)
  },
  async commit (name) {
    const m = members.get(name)
    await m.consumer.commitOffsets([...m.last.values()])
  },
  async leave (name) {
    const m = members.get(name)
    members.delete(name)
    await m.consumer.disconnect()
    if (m.failure) throw m.failure
  },
  async transact (id, topic, prefix, count, end) {
    const { producer, transaction } = await begin(id)
    const messages = []
    for (let i = 0; i < Number(count); i++) messages.push({ value: `${prefix}-${i}`, partition: i % 2 })
    await transaction.send({ topic, messages })
    await finish(transaction, end)
    await producer.disconnect()
  },
  async move (id, group, from, to, count, end) {
    await readGroup(group, from, Number(count), async (records) => {
      const { producer, transaction } = await begin(id)
      await transaction.send({ topic: to, messages: records.map(({ value, partition }) => ({ value, partition })) })
      const offsets = new Map()
      for (const r of records) offsets.set(r.partition, next(r.offset))
      await transaction.sendOffsets({
        consumerGroupId: group,
        topics: [{ topic: from, partitions: [...offsets].map(([partition, offset]) => ({ partition, offset })) }],
      })
      await finish(transaction, end)
      await producer.disconnect()
    })
  },
  async committed (topic, count) {
    await readGroup(topic + '-readers', topic, Number(count), async (records) => {
      console.log('values ' + records.map((r) => r.value).join(' '))
    })
  },
  async fenced (id, topic) {
    const { producer, transaction } = await begin(id)
    await transaction.send({ topic, messages: [{ value: 'lost', partition: 0 }] })
    await verbs.transact(id, topic, 'kept', 2, 'commit')
    const told = await transaction.commit().then(() => null, (e) => e)
    await producer.disconnect()
    if (!told || !['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'].includes(told.type)) {
      throw new Error(`the first producer was told ${told}`)
    }
  },
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
  process.exit(0) // members that did not leave would keep it alive
}

main()
