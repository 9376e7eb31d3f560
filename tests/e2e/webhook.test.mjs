// Messages to other programs: Standard Webhooks, and what is retried.
import assert from 'node:assert/strict'
import path from 'node:path'
import test from 'node:test'
import { Webhook } from 'standardwebhooks'
import { identify, track, until, webSink, Worker, workspace, writeJson } from './lib.mjs'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

// A workspace in which a first finished task is told to a program.
async function telling(t, { answer, channel = {}, template = {}, clock } = {}) {
	const sink = await webSink(t, answer)
	const dir = await workspace(t, (settings, folder) => {
		settings.channels.app = { type: 'webhook', url: sink.url + '/hooks?key=url-secret',
			secret, headers: { 'x-env': 'test' }, retry: ['1s', '1s', '1s'], ...channel }
		writeJson(path.join(folder, 'templates/first-task.json'), { channel: 'app',
			body: { text: '{{ user.name }} did "{{ event.workflow }}"', to: '{{ user.email }}' },
			...template })
		writeJson(path.join(folder, 'sequences/first-task.json'), { for: 'user',
			enter: { on: 'Task Succeeded' },
			steps: [{ id: 'tell', day: 0, send: 'first-task' }] })
	})
	return { sink, dir, worker: await Worker.start(t, dir, { clock }) }
}

const success = [identify('ada', { name: 'Ada "A"', email: 'ada@example.com' }),
	track('ada', 'Task Succeeded', { workflow: 'a\nb\\' })]
const settled = (worker, state) => until(`a message to be ${state}`, async () =>
	(await worker.messages(`state=${state}`))[0])

test('a webhook arrives signed, and no value breaks out of its string', async (t) => {
	const { sink, worker } = await telling(t)
	await worker.events(...success)
	const [request] = await sink.wait(1)
	assert.equal(request.method, 'POST')
	assert.equal(request.url, '/hooks?key=url-secret')
	assert.match(request.headers['content-type'], /^application\/json/)
	assert.equal(request.headers['x-env'], 'test')
	const told = new Webhook(secret).verify(request.body, request.headers)
	assert.deepEqual(told, { text: 'Ada "A" did "a\nb\\"', to: 'ada@example.com' })
	const message = await settled(worker, 'sent')
	assert.equal(request.headers['webhook-id'], message.key)
	assert.equal(request.headers['idempotency-key'], message.key)
	assert.throws(() => new Webhook('whsec_' + Buffer.alloc(24).toString('base64'))
		.verify(request.body, request.headers))
})

test('after a 500 it comes again with the same key', async (t) => {
	const { sink, worker } = await telling(t, { answer: (_, n) => n === 1 ? 500 : 204 })
	await worker.events(...success)
	const requests = await sink.wait(2)
	const keys = requests.map(({ headers }) => headers['idempotency-key'])
	assert.equal(new Set(keys).size, 1)
	for (const request of requests) new Webhook(secret).verify(request.body, request.headers)
	assert.equal((await settled(worker, 'sent')).attempts, 2)
})

test('a 400 is final, and an operator may try again', async (t) => {
	const { sink, worker } = await telling(t, { answer: (_, n) =>
		n === 1 ? { status: 400, body: 'no such\r\nroom' } : 200 })
	await worker.events(...success)
	const message = await settled(worker, 'refused')
	assert.match(message.reason, /400/)
	assert.doesNotMatch(JSON.stringify(message) + worker.log, /url-secret/)
	await worker.get(`/v1/messages/${message.key}/retry`, {})
	await settled(worker, 'sent')
	assert.equal(sink.requests.length, 2)
})

test('Retry-After is kept to, by the whole channel', async (t) => {
	const { sink, worker } = await telling(t, { answer: (_, n) => n === 1
		? { status: 429, headers: { 'retry-after': '2' } } : 200 })
	await worker.events(...success)
	await sink.wait(1)
	const first = Date.now()
	await sink.wait(2)
	assert.ok(Date.now() - first > 1500, `${Date.now() - first} ms`)
})

test('a redirect is not followed', async (t) => {
	const other = await webSink(t)
	const { worker } = await telling(t, { answer: () =>
		({ status: 302, headers: { location: other.url } }) })
	await worker.events(...success)
	await settled(worker, 'refused')
	assert.equal(other.requests.length, 0)
})

test('a template that misses a value is held with its place, and mended', async (t) => {
	const { worker, dir, sink } = await telling(t, { template: {
		body: { text: '{{ user.nickname }}' } } })
	await worker.events(...success)
	const held = await settled(worker, 'held')
	assert.match(held.reason, /first-task\.json/)
	assert.match(held.reason, /user\.nickname/)
	assert.equal(sink.requests.length, 0)
	writeJson(path.join(dir, 'templates/first-task.json'), { channel: 'app',
		body: { text: '{{ user.nickname | default: "you" }}' } })
	worker.child.kill('SIGHUP')
	await until('the new definitions', () => /reload/.test(worker.log))
	await worker.get(`/v1/messages/${held.key}/retry`, {})
	const [request] = await sink.wait(1)
	assert.deepEqual(JSON.parse(request.body), { text: 'you' })
})
