// HTTP as those see it who mean harm, or are broken: where requests end, what
// they may cost, and what they are told.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import test from 'node:test'
import { gzipSync } from 'node:zlib'
import { basic, track, until, wire, Worker, workspace, writeKey } from './lib.mjs'

const start = async (t, limits = {}) => {
	const dir = await workspace(t, (settings) => { settings.limits = limits })
	return Worker.start(t, dir)
}

const peakMegabytes = (worker) => Number(/VmHWM:\s+(\d+)/.exec(
	fs.readFileSync(`/proc/${worker.child.pid}/status`, 'utf8'))[1]) / 1024

test('who has no key makes it build nothing, and who has one no more than is bounded', async (t) => {
	const worker = await start(t)
	const body = (n, more = {}) => gzipSync(JSON.stringify({ ...track('ada', 'E'), ...more })
		.replace('"properties":{', `"properties":{"a":[${'{},'.repeat(n)}0]`))
	const post = async (packed, headers = {}) => (await worker.fetch('/v1/track', { method: 'POST',
		body: packed, headers: { 'content-encoding': 'gzip', ...headers } })).status
	const before = peakMegabytes(worker)
	for (const n of [99000, 2700000]) {
		assert.equal(await post(body(n)), n < 100000 ? 401 : 413)
		assert.equal(await post(body(n, { writeKey: 'wrong' })), n < 100000 ? 401 : 413)
	}
	assert.ok(peakMegabytes(worker) - before < 40, `${peakMegabytes(worker) - before} MB`)
	for (const [packed, headers] of [[body(2700000), { authorization: basic(writeKey) }],
		[body(2700000, { writeKey }), {}]])
		assert.equal(await post(packed, headers), 413)
	assert.ok(peakMegabytes(worker) - before < 40, `${peakMegabytes(worker) - before} MB`)
	assert.equal(await post(body(99000, { writeKey })), 200)
	// a full batch: 500 events with 200 properties each
	const properties = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`p${i}`, i]))
	const full = await worker.post('/v1/batch', { batch:
		Array.from({ length: 500 }, () => track('ada', 'Full', properties)) })
	assert.equal(full.status, 200)
})

// What stands behind the headers would be a request of its own.
const inner = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
const doubtful = Object.entries({
	'HEAD with a body': ['HEAD', `Content-Length: ${inner.length}`],
	'HEAD with chunks': ['HEAD', 'Transfer-Encoding: chunked'],
	'a blank before the colon': ['POST', `Content-Length : ${inner.length}`],
	'a tab before the colon': ['POST', `Content-Length\t: ${inner.length}`],
	'chunks with a blank before the colon': ['POST', 'Transfer-Encoding : chunked'],
	'a folded length': ['POST', `Content-Length:\r\n ${inner.length}`],
	'a length that goes on': ['POST', 'Content-Length: 0\r\n 5'],
	'a folded coding': ['POST', 'Transfer-Encoding:\r\n chunked', '0\r\n\r\n'],
	'two lengths, none first': ['POST', `Content-Length: 0\r\nContent-Length: ${inner.length}`],
	'a list of lengths': ['POST', `Content-Length: ${inner.length}, ${inner.length}`],
	'a signed length': ['POST', 'Content-Length: +0'],
	'another coding': ['POST', 'Transfer-Encoding: xchunked'],
	'two codings': ['POST', 'Transfer-Encoding: chunked, identity'],
	'no coding': ['POST', 'Transfer-Encoding: identity'],
	'a length and no coding': ['POST', 'Content-Length: 0\r\nTransfer-Encoding: identity'],
	'a bare CR': ['POST', `X: a\rContent-Length: ${inner.length}`],
	'two lengths': ['POST', 'Content-Length: 2\r\nContent-Length: 0', '{}'],
	'a length and chunks': ['POST', 'Content-Length: 2\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
	'chunks twice': ['POST', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
})

test('a request whose end is in doubt is the last of its connection', async (t) => {
	const worker = await start(t)
	for (const [name, [method, header, body = '']] of doubtful) {
		const one = await wire(t, worker)
		one.send(`${method} /v1/t HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n${body}${inner}`)
		await one.end(`the connection to be closed: ${name}`)
		assert.match(one.got, /^HTTP\/1\.1 400 [^]*?\r\nConnection: close\r\n/i, name)
		assert.equal(one.got.split('HTTP/1.').length, 2, `${name}: ${one.got}`)
	}
	const old = await wire(t, worker)
	old.send('POST /v1/t HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n' +
		`0\r\n\r\n${inner}`)
	await old.end('the old one to be closed')
	assert.match(old.got, /^HTTP\/1\.[01] 400 /)
	for (const good of ['HEAD /healthz HTTP/1.1\r\nContent-Length: 0\r\n\r\n',
		'GET /healthz HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}',
		'GET /healthz HTTP/1.1\r\nContent-Length:\t2\r\nContent-Length: 2\r\n\r\n{}',
		'POST /v1/t HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n']) {
		const one = await wire(t, worker)
		one.send(good + inner)
		await until('the second answer', () => /HTTP[^]*HTTP\/1\.1 200 OK[^]*ok\n/.test(one.got))
	}
})

test('what cannot be read, or is far too large, is told in JSON, to browsers too, and counted', async (t) => {
	const worker = await start(t, { body: 20000, headers: 4096 })
	const head = 'POST /v1/track HTTP/1.1\r\nHost: x\r\n'
	const cases = [
		[413, 'too_large', `${head}Content-Length: 99999999\r\n\r\n`],
		[413, 'too_large', `${head}Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n`],
		[413, 'too_large', `${head}Transfer-Encoding: chunked\r\n\r\nffffff\r\n`],
		[400, 'invalid_request', 'how do you do?\r\n\r\n'],
		[400, 'invalid_request', `${head}no colon\r\n\r\n`],
		[400, 'invalid_request', `${head}X: ${'x'.repeat(5000)}\r\n\r\n`],
		[417, 'expectation_failed', `${head}Expect: a miracle\r\nContent-Length: 2\r\n\r\n`],
		[501, 'not_implemented', 'BREW /v1/track HTTP/1.1\r\nHost: x\r\n\r\n'],
	]
	for (const [status, code, text] of cases) {
		const one = await wire(t, worker)
		one.send(text)
		await one.end(`the end of ${text.slice(0, 80)}`)
		const [headers, body] = one.got.split('\r\n\r\n')
		assert.match(headers, new RegExp(`^HTTP/1.1 ${status} `), one.got)
		assert.match(headers, /^Access-Control-Allow-Origin: \*\r$/m)
		assert.match(headers, /^Content-Type: application\/json\r$/m)
		const told = JSON.parse(body)
		assert.deepEqual([told.success, told.code, told.message], [false, code, told.error])
	}
	// ... whole, though it was not waited for
	for (let i = 0; i < 20; i++) {
		const reply = await worker.post('/v1/batch', 'x'.repeat(3000000))
		assert.deepEqual([reply.status, (await reply.json()).code], [413, 'too_large'])
	}
	const metrics = await (await worker.fetch('/metrics')).text()
	assert.match(metrics, /^nudge_http_requests_total\{code="413"\} 23$/m)
	assert.match(metrics, /^nudge_http_requests_total\{code="400"\} 3$/m)
	assert.match(metrics, /^nudge_events_discarded_total\{reason="too_large"\} 23$/m)
	assert.equal((await worker.get('/v1/discarded')).counts.too_large, 23)
	const continued = await wire(t, worker)
	continued.send(`${head}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`)
	await until('to be asked on', () => continued.got === 'HTTP/1.1 100 Continue\r\n\r\n')
	continued.send('{}')
	await until('an answer', () => continued.got.includes('HTTP/1.1 401'))
})

test('what is being read is bounded for all together, and the small ones go through', async (t) => {
	const worker = await start(t, { body: 1 << 20, uploads: 8 << 20 })
	const before = peakMegabytes(worker)
	const length = 2 << 20, blob = 'x'.repeat(length - 10)
	const wires = []
	for (let i = 0; i < 40; i++) {
		const one = await wire(t, worker)
		one.send(`POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${blob}`)
		wires.push(one)
	}
	await until('most of them to be ended', () => wires.filter((one) => one.closed).length >= 36)
	await worker.events(track('ada', 'E'))
	assert.ok(wires.filter((one) => one.closed).length < 40)
	const grown = peakMegabytes(worker) - before
	assert.ok(grown < 32, `${grown} MB`)
	assert.match(await (await worker.fetch('/metrics')).text(),
		/^nudge_http_connections_closed_total\{reason="memory"\} 3\d$/m)
	for (const one of wires) one.socket.destroy()
	const full = JSON.stringify({ batch: [track('ada', 'Full', { x: 'x'.repeat(1000000) })] })
	for (let i = 0; i < 20; i++)
		assert.equal((await worker.post('/v1/batch', full)).status, 200)
})
