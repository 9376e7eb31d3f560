// Whatever comes in, and whatever happens to the machine: a clear word, and
// nothing lost.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import zlib from 'node:zlib'
import { atEnd, identify, keepSequence, mailing, nudge, readJson, root, smtpChannel, smtpSink,
	token, track, until, Worker, workspace, writeJson } from './lib.mjs'

const signUp = (id, traits = {}) => [
	identify(id, { email: `${id}@example.com`, plan: 'free', ...traits }),
	track(id, 'Signed Up')]
const onboarding = (t, options = {}) => mailing(t, { ...options, edit: (settings, dir) => {
	keepSequence(dir, 'self-serve-onboarding')
	options.edit?.(settings, dir)
} })
const timeline = async (worker, id) =>
	(await worker.get(`/v1/people/${encodeURIComponent(id)}/timeline?limit=500`)).events

// It goes on as if nothing had been: somebody signs up and is mailed.
async function isWell({ worker, sink }, id) {
	assert.equal(worker.exit, undefined, worker.log)
	await worker.events(...signUp(id))
	await until(`mail for ${id}`, () =>
		sink.mails.some((mail) => mail.to[0] === `${id}@example.com`))
}

const peakMegabytes = (worker) => Number(/VmHWM:\s+(\d+)/.exec(
	fs.readFileSync(`/proc/${worker.child.pid}/status`, 'utf8'))[1]) / 1024

// ------------------------------------------------------------- what comes in

test('gzip that ends too early, or is none', async (t) => {
	const it = await onboarding(t)
	const whole = zlib.gzipSync(JSON.stringify({ batch: signUp('ada') }))
	for (const body of [whole.subarray(0, whole.length - 9), whole.subarray(0, 12),
		Buffer.concat([whole.subarray(0, 10), Buffer.alloc(50, 0xff)]), Buffer.from('{}')]) {
		const reply = await it.worker.post('/v1/batch', body, { 'content-encoding': 'gzip' })
		assert.equal(reply.status, 400)
		assert.match((await reply.json()).message, /gzip/)
	}
	assert.equal((await it.worker.call('/v1/people/ada'))[0], 404)
	await isWell(it, 'bob')
})

test('a gigabyte of zeros, packed into one megabyte', async (t) => {
	const it = await onboarding(t)
	const zeros = zlib.deflateRawSync(Buffer.alloc(1 << 20),
		{ level: 9, finishFlush: zlib.constants.Z_FULL_FLUSH })
	const head = zlib.gzipSync('').subarray(0, 10)
	const bomb = Buffer.concat([head, ...Array(954).fill(zeros), Buffer.from([3, 0])])
	assert.ok(bomb.length <= 1 << 20)
	await isWell(it, 'ada')
	const before = peakMegabytes(it.worker)
	const replies = await Promise.all(Array.from({ length: 16 }, () =>
		it.worker.post('/v1/batch', bomb, { 'content-encoding': 'gzip' })))
	for (const reply of replies) {
		assert.equal(reply.status, 413)
		assert.match((await reply.json()).message, /too large once inflated/)
	}
	const grown = peakMegabytes(it.worker) - before
	assert.ok(grown < 64, `${grown} MB`)
	await isWell(it, 'bob')
})

test('JSON 10,000 levels deep', async (t) => {
	const it = await onboarding(t)
	for (const [open, close] of [['[', ']'], ['{"a":', '}']]) {
		const deep = open.repeat(10000) + '1' + close.repeat(10000)
		for (const body of [deep, `{"userId":"ada","event":"E","properties":{"a":${deep}}}`]) {
			const reply = await it.worker.post('/v1/track', body)
			assert.equal(reply.status, 400)
			assert.match((await reply.json()).message, /nested too deeply/)
		}
		const [status] = await it.worker.call('/v1/send', JSON.parse(open.repeat(1000) + '1' +
			close.repeat(1000)))
		assert.equal(status, 400)
	}
	await isWell(it, 'bob')
})

// As deep as the settings may allow, in a thread that sends.
test('a trait 1,980 levels deep is shown in a mail', async (t) => {
	const it = await onboarding(t, { edit: (settings, dir) => {
		settings.limits = { depth: 2000 }
		fs.writeFileSync(path.join(dir, 'templates/deep.md'),
			'Subject: Deep\n\n{{ user.deep | json }}\n')
	} })
	await it.worker.events(...signUp('bob'))
	const deep = '['.repeat(1980) + '1' + ']'.repeat(1980)
	const reply = await it.worker.post('/v1/identify', `{"userId":"bob","traits":{"deep":${deep}}}`)
	assert.equal(reply.status, 200)
	await it.worker.get('/v1/send', { user: 'bob', template: 'deep' })
	await it.sink.wait(2)
	await isWell(it, 'ada')
})

test('bytes that are not UTF-8, and NUL in an id', async (t) => {
	const it = await onboarding(t)
	for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]]) {
		const body = Buffer.concat([Buffer.from('{"userId":"ada'), Buffer.from(bytes),
			Buffer.from('","event":"E"}')])
		const reply = await it.worker.post('/v1/track', body)
		assert.equal(reply.status, 400)
		assert.match((await reply.json()).message, /UTF-8|JSON/)
	}
	await it.worker.events(track('nul\u0000', 'E'), track('ada', 'N\u0000'),
		{ type: 'track', anonymousId: '\u0000', event: 'E' },
		identify('ada', { plan: 'fr\u0000ee' }), track('ada', 'Good'))
	const { discarded } = await it.worker.get('/v1/discarded')
	assert.deepEqual(discarded.slice(0, 4).map((one) => [one.place, one.reason]),
		[3, 2, 1, 0].map((place) => [place, 'nul_character']))
	assert.equal((await it.worker.call('/v1/people/nul'))[0], 404)
	assert.ok((await timeline(it.worker, 'ada')).some((e) => e.event === 'Good'))
	for (const id of ['%00', 'ada%00', '%ff', '%c0%80'])
		assert.ok([400, 404].includes((await it.worker.call(`/v1/people/${id}`))[0]))
	await isWell(it, 'bob')
})

test('a trait of 100 KB is kept, shown and mailed', async (t) => {
	const it = await onboarding(t, { edit: (settings, dir) => {
		fs.appendFileSync(path.join(dir, 'templates/day-00-welcome.md'),
			'\n{{ user.note | default: "" }}\n')
	} })
	const long = 'ä'.repeat(50000)
	await it.worker.events(...signUp('ada', { note: long }))
	const [mail] = await it.sink.wait(1)
	assert.ok(mail.raw.length > 100000)
	for (const line of mail.raw.toString('latin1').split('\r\n'))
		assert.ok(line.length <= 998, `a line of ${line.length}`)
	const [parsed] = await it.sink.parsed()
	assert.ok(parsed.text.includes(long))
	assert.equal((await it.worker.person('ada')).traits.note, long)
	await isWell(it, 'bob')
})

test('events of 1970 and of 2099', async (t) => {
	const it = await onboarding(t)
	const at = (timestamp, userId, more = {}) => [
		identify(userId, { email: `${userId}@example.com`, plan: 'free' }),
		{ ...track(userId, 'Signed Up'), timestamp, ...more }]
	await it.worker.events(...at('1970-01-01T00:00:00Z', 'old'), ...at('0001-01-01T00:00:00Z', 'older'),
		...at('2099-12-31T23:59:59Z', 'late'), ...at('9999-12-31T23:59:59Z', 'later'),
		...at('not a time', 'when'), ...at(-1, 'number'), ...at(1e300, 'huge'))
	await isWell(it, 'bob')
	const soon = Date.now() + 60000
	for (const id of ['old', 'older', 'late', 'later', 'when', 'number', 'huge']) {
		const [event] = (await timeline(it.worker, id)).filter((e) => e.type === 'track')
		assert.ok(Date.parse(event.at) < soon, `${id}: ${event.at}`)
	}
	// What is too old starts nothing; what cannot have been yet is of now.
	const mailed = () => it.sink.mails.map((mail) => mail.to[0].split('@')[0]).sort()
	await until('mail for all others', () => mailed().length >= 5)
	assert.deepEqual(mailed(), ['bob', 'huge', 'late', 'later', 'when'])
})

test('an address that would be two lines, or is too long', async (t) => {
	const it = await onboarding(t)
	const bad = ['ada@example.com\r\nBcc: eve@example.com', 'ada@example.com\nRCPT TO:<eve@x.example>',
		'ada@example.com\u0000', '<ada@example.com>\r\nDATA', 'a@b@c', 'ada@exam ple.com', '',
		// somebody else's when it is cut to what SMTP can carry
		`ada@${`${'d'.repeat(60)}.`.repeat(4)}example.com`]
	for (const [i, email] of bad.entries())
		await it.worker.events(...signUp(`bad-${i}`, { email, firstName: 'Ada\r\nBcc: eve@example.com' }))
	await it.worker.events(...signUp('named', { firstName: 'Ada\r\nBcc: eve@example.com' }))
	await isWell(it, 'bob')
	await until('the named one', () => it.sink.mails.length >= 2)
	assert.deepEqual(it.sink.mails.flatMap((mail) => mail.to).sort(),
		['bob@example.com', 'named@example.com'])
	for (const mail of it.sink.mails)
		assert.doesNotMatch(mail.raw.toString().split('\r\n\r\n')[0], /^(Bcc|.*eve@)/m)
	const settled = await until('those to be settled', async () => {
		const list = await it.worker.messages()
		return list.every((m) => m.state !== 'sending') && list.filter((m) => m.state !== 'sent')
	})
	assert.ok(settled.length >= bad.length - 1)
	for (const message of settled) {
		assert.match(`${message.state}: ${message.reason}`,
			/^skipped: .* is not a mail address$|^queued: user has no address yet$/s)
	}
})

test('a template that does not end', async (t) => {
	const it = await onboarding(t, { edit: (settings, dir) => {
		const file = path.join(dir, 'templates/day-00-welcome.md')
		const text = fs.readFileSync(file, 'utf8')
		fs.writeFileSync(file, text + `
{% assign n = user.loops | default: 0 %}{% for a in (1..n) %}{% for b in (1..n) %}
{% for c in (1..n) %}{% assign x = a %}{% endfor %}{% endfor %}{% endfor %}\n`)
	} })
	await isWell(it, 'first')
	const before = peakMegabytes(it.worker)
	await it.worker.events(...signUp('ada', { loops: 1e9 }), ...signUp('eve', { loops: 9999 }))
	await isWell(it, 'bob')
	const held = await until('both messages to be held', async () => {
		const list = await it.worker.messages('state=held')
		return list.length === 2 && list
	})
	for (const message of held)
		assert.match(message.reason, /day-00-welcome\.md:\d+:\d+: .*(more than|limit|too )/)
	const grown = peakMegabytes(it.worker) - before
	assert.ok(grown < 64, `${grown} MB`)
	assert.equal((await nudge(['preview', 'day-00-welcome', '-C', it.dir])).signal, null)
})

// ------------------------------------------------------------------ the machine

const canMount = process.getuid() === 0 && process.platform === 'linux'

// A disk of its own: its folder, and a function to mount it otherwise.
function smallDisk(t) {
	const disk = fs.mkdtempSync(path.join(os.tmpdir(), 'nudge-disk-'))
	try {
		execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk], { stdio: 'ignore' })
	} catch {
		fs.rmdirSync(disk)
		return {}
	}
	t.after(() => {
		execFileSync('umount', ['-l', disk])
		fs.rmdirSync(disk)
	})
	return { disk, remount: (how) => execFileSync('mount', ['-o', `remount,${how}`, disk]) }
}

// An ext4 of its own, and a function by which the kernel finds a fault in it.
function faultyDisk(t) {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nudge-disk-'))
	const image = path.join(folder, 'image'), disk = path.join(folder, 'disk')
	const quietly = (command, ...args) => execFileSync(command, args, { stdio: 'ignore' })
	atEnd(t, () => fs.rmSync(folder, { recursive: true }))
	fs.mkdirSync(disk)
	fs.writeFileSync(image, '')
	fs.truncateSync(image, 32 << 20)
	try {
		quietly('mkfs.ext4', '-q', '-O', '^has_journal', image)
		quietly('mount', '-o', 'loop,errors=remount-ro', image, disk)
	} catch {
		return {}
	}
	atEnd(t, () => quietly('umount', disk))
	const device = execFileSync('findmnt', ['-no', 'SOURCE', disk], { encoding: 'utf8' })
	const trigger = `/sys/fs/ext4/${path.basename(device.trim())}/trigger_fs_error`
	return { disk, mount: (how) => {
		quietly('umount', disk)
		quietly('mount', '-o', `loop,${how}`, image, disk)
	}, ...(fs.existsSync(trigger) && { fail: () => fs.writeFileSync(trigger, '1') }) }
}

function fill(disk) {
	const fd = fs.openSync(path.join(disk, 'other'), 'w')
	try {
		for (;;) fs.writeSync(fd, Buffer.alloc(65536, 1))
	} catch (error) {
		assert.equal(error.code, 'ENOSPC')
	}
	fs.closeSync(fd)
}

// Whoever only looks is answered, and whoever would change something told why not.
async function onlyReads({ worker, dir, env }, id, reason) {
	const before = await worker.person(id)
	for (const where of [`/v1/people?q=${id}`, `/v1/people/${id}/timeline`,
		`/v1/people/${id}/metrics`, '/v1/messages', '/v1/sequences', '/v1/channels', '/v1/discarded'])
		assert.equal((await worker.call(where))[0], 200, where)
	assert.equal((await worker.call('/v1/people/nobody'))[0], 404)
	const refused = await worker.fetch(`/v1/people/${id}/suppress`,
		{ method: 'POST', headers: { authorization: `Bearer ${token}` } })
	assert.equal(refused.status, 503)
	assert.equal(refused.headers.get('content-type'), 'application/problem+json')
	assert.match((await refused.json()).detail, reason)
	const reply = await worker.post('/v1/track', track(id, 'E'))
	assert.equal(reply.status, 503)
	assert.match((await reply.json()).message, reason)
	assert.deepEqual((await worker.person(id)).traits, before.traits)
	assert.equal((await nudge(['person', id, '-C', dir], { env })).code, 0)
	const change = await nudge(['person', id, '--suppress', '-C', dir], { env })
	assert.ok([74, 75].includes(change.code), change.stderr)
}
const told = (worker, what) => worker.log.split('\n').filter((line) => what.test(line)).length
const tells = (worker, what) => until('the log to tell', () => what.test(worker.log))

test('a disk that is full: new events are refused, what is on its way is finished',
	{ skip: !canMount && 'needs root, for a small disk' }, async (t) => {
		const { disk, remount } = smallDisk(t)
		if (!disk) return t.skip('no small disk can be mounted here')
		let release
		const held = new Promise((done) => { release = done })
		const arrived = []
		const { dir, worker } = await onboarding(t, { edit: (settings) => {
			settings.store = path.join(disk, 'nudge.db')
		}, onData(stream, session, done) {
			stream.resume().on('end', () => {
				arrived.push(session.envelope.rcptTo[0].address)
				held.then(() => done())
			})
		} })
		await worker.events(...signUp('ada'))
		await until('the mail to be on its way', () => arrived.length === 1)
		await worker.events(track('bob', 'E'))
		let taken = 1
		fill(disk)
		await until('events to be refused', async () => {
			const { status } = await worker.post('/v1/track',
				track('bob', 'E', { x: 'x'.repeat(30000) }))
			taken += status === 200
			return status === 503
		})
		assert.match(await (await worker.fetch('/readyz?verbose')).text(), /^\[-\]disk/m)
		assert.equal((await worker.fetch('/healthz')).status, 200)
		await tells(worker, /no room on the disk for .*nudge\.db/)
		await onlyReads({ worker, dir }, 'ada', /^the disk is full; nothing was/)
		release()
		assert.deepEqual(await worker.stop(), { code: 0, signal: null })
		fill(disk)
		const shown = await nudge(['person', 'ada', '-C', dir])
		assert.match(shown.stdout, /day-00-welcome/, shown.stderr)
		const change = await nudge(['person', 'ada', '--suppress', '-C', dir])
		assert.equal(change.code, 74)
		assert.match(change.stderr, /no room on the disk/)
		remount('size=64m')
		const again = await Worker.start(t, dir)
		assert.deepEqual((await again.messages()).map((m) => m.state), ['sent'])
		assert.equal((await timeline(again, 'bob')).length, taken)
		await again.events(...signUp('cleo'))
		await until('the next mail', () => arrived.length >= 2)
		assert.deepEqual(arrived, ['ada@example.com', 'cleo@example.com'])
	})

test('a disk that turns read-only is as a full one, until it can be written again', async (t) => {
	const shim = path.join(os.tmpdir(), `nudge-read-only-${process.pid}.so`)
	execFileSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-O2', '-D_GNU_SOURCE', '-o', shim,
		path.join(root, 'tests/e2e/set_read_only.c')])
	t.after(() => fs.rmSync(shim))
	let release
	const held = new Promise((done) => { release = done })
	const mails = []
	const sink = await smtpSink(t, { onData(stream, session, done) {
		mails.push(session.envelope.rcptTo[0].address)
		stream.resume().on('end', () => held.then(() => done()))
	} })
	const dir = await workspace(t, (settings, folder) => {
		keepSequence(folder, 'self-serve-onboarding')
		settings.channels.email = smtpChannel(sink)
	})
	const flag = path.join(dir, 'data/read-only')
	const env = { LD_PRELOAD: shim, SET_READ_ONLY: flag }
	const worker = await Worker.start(t, dir, { env })
	await worker.events(...signUp('ada'))
	await until('the mail to be on its way', () => mails.length === 1)
	fs.writeFileSync(flag, '')
	assert.equal((await worker.post('/v1/track', track('ada', 'E'))).status, 503)
	await onlyReads({ worker, dir, env }, 'ada', /^the disk is read-only; nothing was/)
	assert.equal((await worker.fetch('/readyz')).status, 503)
	assert.match(await (await worker.fetch('/readyz?verbose')).text(),
		/^\[-\]store the disk is read-only$/m)
	release()
	await until('it to be tried again', () => worker.post('/v1/track', track('ada', 'E'))
		.then(({ status }) => status === 503))
	assert.equal((await worker.messages())[0].state, 'sending')
	fs.rmSync(flag)
	await until('the worker to be ready', async () =>
		(await worker.fetch('/readyz')).status === 200)
	await until('the verdict to be there', async () =>
		(await worker.messages())[0].state === 'sent')
	await worker.events(...signUp('bob'))
	await until('the next mail', () => mails.length === 2)
	assert.deepEqual(mails, ['ada@example.com', 'bob@example.com'])
	assert.equal((await timeline(worker, 'ada')).length, 2)
	await tells(worker, /the store can be written again/)
	assert.equal(told(worker, /error.*Read-only file system/), 1, worker.log)
	assert.equal(told(worker, /the store can be written again/), 1, worker.log)
})

test('a disk that the kernel has made read-only: looked at all the same, and all is there later',
	{ skip: !canMount && 'needs root, for a disk with a fault' }, async (t) => {
		const { disk, mount, fail } = faultyDisk(t)
		if (!fail) return t.skip('no disk with a fault can be had here')
		const it = await onboarding(t, { edit: (settings) => {
			settings.store = path.join(disk, 'nudge.db')
		} })
		await isWell(it, 'ada')
		await until('the verdict', async () => (await it.worker.messages())[0].state === 'sent')
		execFileSync('sync', ['-f', disk])
		fail()
		assert.equal((await it.worker.post('/v1/track', track('ada', 'E'))).status, 503)
		await onlyReads(it, 'ada', /^the disk is read-only; nothing was/)
		assert.equal((await it.worker.stop()).code, 74)
		const look = () => nudge(['queue', '--json', '-C', it.dir])
		assert.deepEqual(JSON.parse((await look()).stdout).messages.map((m) => m.state), ['sent'])
		mount('rw')
		it.worker = await Worker.start(t, it.dir)
		await isWell(it, 'bob')
		assert.equal(it.sink.mails.length, 2)
		await it.worker.stop()
		// ... at rest, where the log and its index are gone
		mount('ro')
		assert.equal(JSON.parse((await look()).stdout).messages.length, 2)
		const refused = await nudge(['person', 'ada', '--suppress', '-C', it.dir])
		assert.equal(refused.code, 74)
		assert.match(refused.stderr, /Read-only file system/)
	})

test('a read-only disk is told at the start, and harms nothing',
	{ skip: !canMount && 'needs root, for a small disk' }, async (t) => {
		const { disk, remount } = smallDisk(t)
		if (!disk) return t.skip('no small disk can be mounted here')
		const it = await onboarding(t, { edit: (settings) => {
			settings.store = path.join(disk, 'nudge.db')
		} })
		await isWell(it, 'ada')
		await it.worker.stop()
		remount('ro')
		const run = await nudge(['run', '-C', it.dir])
		assert.equal(run.code, 74)
		assert.match(run.stderr, /nudge\.db.*Read-only file system/)
		remount('rw')
		it.worker = await Worker.start(t, it.dir)
		await isWell(it, 'bob')
		assert.equal(it.sink.mails.length, 2)
	})

test('a port that somebody else has', async (t) => {
	const server = net.createServer().listen(0, '127.0.0.1')
	t.after(() => server.close())
	await until('the port', () => server.address())
	const { port } = server.address()
	const dir = await workspace(t, (settings) => { settings.listen = `127.0.0.1:${port}` })
	const run = await nudge(['run', '-C', dir])
	assert.equal(run.code, 69)
	assert.match(run.stderr, new RegExp(`127\\.0\\.0\\.1:${port}.*in use`))
	assert.equal(fs.existsSync(path.join(dir, 'data/nudge.db.lock')), false)
})

test('an outbox that cannot be written: messages wait, and go when it can', async (t) => {
	const dir = await workspace(t, (settings, folder) => {
		keepSequence(folder, 'self-serve-onboarding')
		settings.channels.email = { type: 'capture', folder: 'data/outbox' }
		settings.retry = { first: '1s', longest: '1s' }
	})
	const outbox = path.join(dir, 'data/outbox')
	fs.mkdirSync(path.join(dir, 'data'))
	fs.writeFileSync(outbox, 'not a folder')
	const worker = await Worker.start(t, dir)
	await worker.events(...signUp('ada'), ...signUp('bob'))
	await until('it to be told', () => /cannot write to .*data\/outbox: Not a directory/.test(worker.log))
	assert.equal((await worker.fetch('/readyz')).status, 200)
	assert.deepEqual((await worker.messages()).map((m) => m.state), ['queued', 'queued'])
	fs.rmSync(outbox)
	await until('both to be written', () => fs.existsSync(outbox) &&
		fs.readdirSync(outbox).filter((name) => name.endsWith('.eml')).length === 2)
})

// A time of day for workers with this environment: off(seconds) sets it.
function setClock(t, dir) {
	const shim = path.join(dir, 'set_clock.so'), file = path.join(dir, 'offset')
	execFileSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-O2', '-o', shim,
		path.join(root, 'tests/e2e/set_clock.c')])
	const off = (seconds) => {
		fs.writeFileSync(`${file}.new`, String(seconds))
		fs.renameSync(`${file}.new`, file)
	}
	off(0)
	return { off, env: { LD_PRELOAD: shim, SET_CLOCK: file } }
}

test('a clock that is set back an hour, and on again', async (t) => {
	const sink = await smtpSink(t)
	const dir = await workspace(t, (settings, folder) => {
		keepSequence(folder, 'self-serve-onboarding')
		settings.channels.email = smtpChannel(sink, { rate: '20/s' })
	})
	writeJson(path.join(dir, 'sequences/two.json'), { for: 'user', enter: { on: 'Twice' },
		steps: [{ id: 'one', send: 'day-00-welcome' },
			{ id: 'two', after: '2s', send: 'day-00-welcome' }] })
	const { off, env } = setClock(t, dir)
	const worker = await Worker.start(t, dir, { env })
	const it = { worker, sink }
	await isWell(it, 'ada')
	off(-3600)
	await isWell(it, 'bob')
	await worker.events(identify('cleo', { email: 'cleo@example.com' }), track('cleo', 'Twice'),
		track('ada', 'Task Succeeded'))
	await sink.wait(4)
	off(0)
	await isWell(it, 'dora')
	off(-3600)
	await isWell(it, 'emil')
	await worker.stop()
	const again = await Worker.start(t, dir, { env })
	await isWell({ worker: again, sink }, 'fred')
	assert.deepEqual(sink.mails.map((mail) => mail.to[0].split('@')[0]).sort(),
		['ada', 'bob', 'cleo', 'cleo', 'dora', 'emil', 'fred'])
	await until('each verdict', async () =>
		(await again.messages()).every((m) => m.state === 'sent'))
	assert.equal((await again.person('ada')).metrics.tasks, 1)
})

test('a clock that is set two years ahead for a moment', async (t) => {
	const sink = await smtpSink(t)
	const dir = await workspace(t, (settings, folder) => {
		keepSequence(folder, 'self-serve-onboarding')
		settings.channels.email = smtpChannel(sink)
	})
	const { off, env } = setClock(t, dir)
	const worker = await Worker.start(t, dir, { env })
	await isWell({ worker, sink }, 'ada')
	const { decisions } = await worker.person('ada')
	off(2 * 365 * 86400)
	await worker.events(...signUp('bob'))
	await tells(worker, /the clock was set 17520\.\d hours ahead/)
	await worker.events(track('bob', 'Task Succeeded')) // one more turn
	assert.deepEqual((await worker.person('ada')).decisions, decisions)
	assert.equal((await worker.person('bob')).messages[0].state, 'queued')
	off(0)
	await worker.events(...signUp('cleo'))
	await tells(worker, /the clock was set 17520\.\d hours back/)
	await isWell({ worker, sink }, 'dora')
	assert.deepEqual((await worker.person('ada')).decisions, decisions)
	await worker.stop()
	// ... and at the start, or behind: what is kept is kept.
	for (const years of [2, -6]) {
		off(years * 365 * 86400)
		const again = await Worker.start(t, dir, { env })
		await again.events(track('emil', 'E'))
		assert.equal((await timeline(again, 'ada')).length, 2)
		if (years < 0) await tells(again, /hours behind the newest rows of the store/)
		await again.stop()
	}
})

test('a store that is removed while it is in use', async (t) => {
	const it = await onboarding(t)
	const data = path.join(it.dir, 'data'), store = path.join(data, 'nudge.db')
	await isWell(it, 'ada')
	fs.renameSync(data, `${data}.gone`) // at one stroke, unlike a recursive rm
	const reply = await it.worker.post('/v1/batch', { batch: signUp('bob') })
	assert.equal(reply.status, 503)
	const rescued = `${store}.rescued`
	await until('it to be told', () => it.worker.log.includes('nudge.db.rescued'))
	assert.match(await (await it.worker.fetch('/readyz?verbose')).text(), /^\[-\]store/m)
	assert.equal((await it.worker.post('/v1/batch', { batch: signUp('bob') })).status, 503)
	assert.equal(fs.existsSync(store), false)
	fs.renameSync(rescued, store)
	await until('the worker to be ready', async () =>
		(await it.worker.fetch('/readyz')).status === 200)
	await isWell(it, 'bob')
	assert.equal((await it.worker.person('ada')).messages[0].state, 'sent')
	assert.equal(it.sink.mails.length, 2)
	// ... and just before its end.
	await it.worker.events(...signUp('cleo'))
	await it.sink.wait(3)
	fs.rmSync(store)
	assert.notEqual((await it.worker.stop()).code, 0)
	fs.renameSync(rescued, store)
	it.worker = await Worker.start(t, it.dir)
	await isWell(it, 'dora')
	assert.equal((await it.worker.person('cleo')).traits.plan, 'free')
})

test('a store that is replaced while it is in use', async (t) => {
	const it = await onboarding(t)
	const store = path.join(it.dir, 'data/nudge.db'), copy = path.join(it.dir, 'copy.db')
	await isWell(it, 'ada')
	assert.equal((await nudge(['backup', copy, '-C', it.dir])).code, 0)
	await isWell(it, 'bob')
	fs.cpSync(copy, `${copy}2`)
	fs.renameSync(copy, store)
	assert.equal((await it.worker.post('/v1/batch', { batch: signUp('cleo') })).status, 503)
	assert.deepEqual(fs.readdirSync(path.join(it.dir, 'data')).sort(),
		['nudge.db', 'nudge.db.rescued'])
	const began = Date.now()
	const refuses = async () => assert.equal(
		(await it.worker.post('/v1/track', track('cleo', 'E'))).status, 503)
	await until('it to try again, a second later', async () => {
		await refuses()
		return Date.now() - began > 1500
	})
	assert.equal((await it.worker.call('/v1/people/ada'))[0], 503)
	assert.equal(told(it.worker, /the store can be written again/), 0)
	assert.equal(told(it.worker, /move that to its place; .* restart/), 1, it.worker.log)
	fs.renameSync(`${store}.rescued`, store)
	await until('the worker to be ready', async () =>
		(await it.worker.fetch('/readyz')).status === 200)
	await isWell(it, 'dora')
	assert.equal((await it.worker.person('bob')).messages[0].state, 'sent')
	// ... and with a restart it is the other one.
	fs.renameSync(`${copy}2`, store)
	await refuses()
	await it.worker.stop()
	it.worker = await Worker.start(t, it.dir)
	assert.equal((await it.worker.call('/v1/people/bob'))[0], 404)
	assert.equal((await it.worker.person('ada')).messages[0].state, 'sent')
	await isWell(it, 'emil')
})

test('two workers on one store', async (t) => {
	const it = await onboarding(t)
	await isWell(it, 'ada')
	const link = path.join(it.dir, '..', 'other')
	fs.cpSync(it.dir, link, { recursive: true })
	const settings = readJson(path.join(link, 'nudge.json'))
	writeJson(path.join(link, 'nudge.json'),
		{ ...settings, store: path.join(it.dir, 'data/nudge.db') })
	for (const dir of [it.dir, link, `${it.dir}/../workspace/.`]) {
		const second = await nudge(['run', '-C', dir])
		assert.equal(second.code, 75)
		assert.match(second.stderr, new RegExp(`nudge\\.db is in use.*${it.worker.child.pid}`))
	}
	await isWell(it, 'bob')
	// The killed one's claim goes with it.
	await it.worker.kill()
	it.worker = await Worker.start(t, link)
	await isWell(it, 'cleo')
	assert.equal(it.sink.mails.length, 3)
})
