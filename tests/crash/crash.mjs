// Kills a loaded worker again and again, always on the same store, and then
// counts: every acknowledged event had its effect exactly once, no message is
// lost, and what went twice went with the same Message-ID, at most so many a
// crash, each named in the log.
//
//	node crash.mjs [ROUNDS [SEED]]
import assert from 'node:assert/strict'
import http from 'node:http'
import { basic, identify, keepSequence, smtpChannel, smtpSink, track, until, Worker,
	workspace, writeKey } from '../e2e/lib.mjs'
import { randomFrom } from '../random.mjs'

const rounds = Number(process.argv[2] ?? 100)
const seed = Number(process.argv[3] ?? Date.now() % 1e9)
const CONNECTIONS = 4, UNSETTLED = 4
const CLIENTS = 4, PEOPLE = 2, TASKS = 2, PAUSE_MS = 30

const random = randomFrom(seed)
const between = (from, to) => from + random() * (to - from)
const pause = (ms) => new Promise((done) => setTimeout(done, ms))

const cleanups = []
const context = { after: (fn) => cleanups.push(fn) }
const sink = await smtpSink(context)
const dir = await workspace(context, (settings, folder) => {
	keepSequence(folder, 'self-serve-onboarding')
	settings.retry = { first: '1s', longest: '1s', attempts: 1000 }
	settings.channels.email = smtpChannel(sink,
		{ connections: CONNECTIONS, unsettled: UNSETTLED })
})

// A client keeps a batch until it is acknowledged, as Segment's do; some give
// up, and then it must count wholly or not at all.
let people = 0, posts = 0
const acknowledged = [], abandoned = [], waiting = []

function nextBatch() {
	const ids = Array.from({ length: PEOPLE }, () => `u${people++}`)
	const event = (e, i) => ({ ...e, messageId: `${e.userId}-${i}` })
	return { ids, events: ids.flatMap((id) => [
		identify(id, { email: `${id}@example.com`, plan: 'free' }), track(id, 'Signed Up'),
		...Array.from({ length: TASKS }, () => track(id, 'Task Succeeded'))].map(event)) }
}

// Not fetch(), which never ends when a server dies at the wrong moment.
function post(worker, agent, events) {
	return new Promise((done, fail) => {
		const request = http.request(worker.url + '/v1/batch', { method: 'POST', agent,
			headers: { authorization: basic(writeKey) } }, (reply) => {
			reply.on('error', fail)
			reply.resume().on('close', () =>
				reply.complete && reply.statusCode === 200 ? done() : fail(new Error('no')))
		})
		request.on('error', fail)
		request.end(JSON.stringify({ batch: events }))
	})
}

async function client(worker) {
	const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
	while (!worker.exit) {
		const batch = waiting.shift() ?? nextBatch()
		try {
			posts++
			await post(worker, agent, batch.events)
			acknowledged.push(...batch.ids)
			await pause(between(0, PAUSE_MS))
		} catch {
			if (random() < 0.1) abandoned.push(batch.ids)
			else waiting.push(batch)
			return
		}
	}
}

let round = 0, logs = ''
const seenIn = new Map() // Message-ID to the rounds in which it came
const note = sink.mails.push
sink.mails.push = function (mail) {
	const raw = mail.raw.toString()
	const id = /^Message-ID: <(.*)>\r$/mi.exec(raw)[1]
	const boundary = /boundary="?([^";\r]+)/.exec(raw)[1]
	assert.ok(raw.endsWith(`--${boundary}--\r\n`), 'half a mail was accepted')
	const entry = seenIn.get(id) ?? { to: mail.to[0], rounds: [] }
	assert.equal(entry.to, mail.to[0])
	entry.rounds.push(round)
	seenIn.set(id, entry)
	return note.call(this, { to: mail.to })
}

const started = Date.now()
let unborn = 0
for (; round < rounds; round++) {
	const worker = new Worker(context, dir)
	const living = worker.listening().then(() =>
		Promise.all(Array.from({ length: CLIENTS }, () => client(worker))))
	living.catch(() => {})
	await pause(between(20, 300))
	if (!worker.url) unborn++
	await worker.kill()
	await living.catch((error) => { if (worker.url) throw error })
	assert.equal(worker.exit.signal, 'SIGKILL', worker.log)
	logs += worker.log
}
const loaded = Date.now() - started

// A last worker that lives: what still waits is taken, sent and settled.
const worker = await Worker.start(context, dir)
for (const batch of waiting.splice(0)) {
	await worker.events(...batch.events)
	acknowledged.push(...batch.ids)
}
const counts = await until('all messages to be settled', async () => {
	const { counts } = await worker.get('/v1/messages?limit=1')
	return counts.queued + counts.sending === 0 && counts
}, 120000)
logs += worker.log

// Effects: one welcome mail, and each event counted once.
const mailed = new Map()
for (const { to } of seenIn.values()) mailed.set(to, (mailed.get(to) ?? 0) + 1)
async function check(id, must) {
	const [status, person] = await worker.call(`/v1/people/${id}`)
	if (status === 404 && !must) return false
	assert.equal(status, 200, `${id}: ${status}`)
	assert.equal(person.metrics.tasks, TASKS, `${id}: tasks`)
	assert.deepEqual(person.messages.map((m) => [m.template, m.state]),
		[['day-00-welcome', 'sent']], id)
	assert.equal(mailed.get(`${id}@example.com`), 1, `${id}: Message-IDs`)
	return true
}
const unchecked = [...acknowledged]
await Promise.all(Array.from({ length: 8 }, async () => {
	while (unchecked.length > 0) await check(unchecked.pop(), true)
}))
let whole = 0
for (const ids of abandoned) {
	const taken = await Promise.all(ids.map((id) => check(id, false)))
	assert.equal(new Set(taken).size, 1, `half of ${ids} was taken`)
	whole += taken[0]
}
assert.equal(counts.sent, seenIn.size)
assert.equal(counts.sent, acknowledged.length + whole * PEOPLE)

// Repeats: each after a crash that named it, and few a crash.
const repeats = new Map()
for (const [id, { rounds: came }] of seenIn)
	for (const at of came.slice(0, -1)) {
		repeats.set(at, (repeats.get(at) ?? 0) + 1)
		assert.ok(logs.includes(id.split('@')[0]), `${id} went twice and no log names it`)
	}
const most = Math.max(0, ...repeats.values())
assert.ok(most <= CONNECTIONS * UNSETTLED, `${most} repeats after one crash`)

console.log(`crash: seed ${seed}: ${rounds} kills (${unborn} before it listened) in ` +
	`${(loaded / 1000).toFixed(1)} s; ${acknowledged.length} people in ${posts} requests, ` +
	`${abandoned.length} abandoned (${whole} had been taken); ${counts.sent} messages, ` +
	`${[...repeats.values()].reduce((a, b) => a + b, 0)} repeats, at most ${most} a crash`)
for (const clean of cleanups.reverse()) await clean()
process.exit()
