// What may change while it runs: definitions, the time of its end, and how much
// of the past is kept; and a copy of it all.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import test from 'node:test'
import { atTerminal, identify, keepSequence, mailing, nudge, readJson, smtpSink, track,
	until, Worker, workspace, writeJson } from './lib.mjs'

const signUp = (id) => [identify(id, { email: `${id}@example.com`, plan: 'free' }),
	track(id, 'Signed Up')]
const subjects = async (sink) => (await sink.parsed()).map((mail) => mail.subject)

// As editors write: into a file beside it, which then takes its name.
function save(file, text) {
	fs.writeFileSync(`${file}.tmp~`, text)
	fs.renameSync(`${file}.tmp~`, file)
}

async function onboarding(t, options = {}) {
	const it = await mailing(t, { ...options, edit: (settings, dir) => {
		keepSequence(dir, 'self-serve-onboarding')
		options.edit?.(settings, dir)
	} })
	it.file = path.join(it.dir, 'templates/day-00-welcome.md')
	it.text = fs.readFileSync(it.file, 'utf8')
	it.subject = (subject) => it.text.replace(/^Subject: .*/, `Subject: ${subject}`)
	it.reloads = (what) => it.worker.log.split(what).length - 1
	return it
}

const inForce = 'new definitions are in force'
const changed = "the workspace's files have changed"

test('a file that is saved is read, however it is written', async (t) => {
	const it = await onboarding(t)
	const ways = [save, fs.writeFileSync,
		(file, text) => { fs.rmSync(file); fs.writeFileSync(file, text) },
		(file, text) => {
			const folder = path.dirname(file)
			fs.cpSync(folder, `${folder}.new`, { recursive: true })
			fs.writeFileSync(path.join(`${folder}.new`, path.basename(file)), text)
			fs.renameSync(folder, `${folder}.old`)
			fs.renameSync(`${folder}.new`, folder)
		},
		save]
	for (const [i, write] of ways.entries()) {
		write(it.file, it.subject(`Way ${i}`))
		await until(`reload ${i}`, () => it.reloads(inForce) === i + 1)
		await it.worker.events(...signUp(`user-${i}`))
		await it.sink.wait(i + 1)
	}
	assert.deepEqual(await subjects(it.sink), ways.map((_, i) => `Way ${i}`))
})

test('a release that a link is moved to is read, and then followed', async (t) => {
	const releases = (n) => path.join(parent, `release-${n}`)
	const it = await onboarding(t, { edit: (settings, dir) => {
		settings.store = path.join(dir, '../nudge.db')
	} })
	const parent = path.dirname(it.dir), link = path.join(parent, 'current')
	const title = (n, subject) => fs.writeFileSync(
		path.join(releases(n), 'templates/day-00-welcome.md'), it.subject(subject))
	const put = (n) => { // as ln -sfn does
		fs.symlinkSync(releases(n), `${link}.new`)
		fs.renameSync(`${link}.new`, link)
	}
	await it.worker.stop()
	for (const n of [1, 2]) {
		fs.cpSync(it.dir, releases(n), { recursive: true })
		title(n, `Release ${n}`)
	}
	put(1)
	it.worker = await Worker.start(t, link)
	put(2)
	await until('a reload', () => it.reloads(inForce) === 1)
	await it.worker.events(...signUp('ada'))
	await it.sink.wait(1)
	title(2, 'Release 2, mended')
	await until('a reload', () => it.reloads(inForce) === 2)
	await it.worker.events(...signUp('bob'))
	await it.sink.wait(2)
	put(1)
	await until('a reload', () => it.reloads(inForce) === 3)
	title(1, 'Release 1, mended')
	await until('a reload', () => it.reloads(inForce) === 4)
	await it.worker.events(...signUp('cleo'))
	await it.sink.wait(3)
	assert.deepEqual(await subjects(it.sink),
		['Release 2', 'Release 2, mended', 'Release 1, mended'])
})

test('settings, metrics, sequences and .env are followed, too', async (t) => {
	const it = await onboarding(t)
	const at = (name) => path.join(it.dir, name)
	let n = 0
	const reloaded = () => until('a reload', () => it.reloads(inForce) === n + 1).then(() => n++)
	const settings = readJson(at('nudge.json'))
	save(at('nudge.json'), JSON.stringify({ ...settings, sender:
		{ ...settings.sender, name: '$SENDER' } }))
	await until('what is missing to be told', () => /SENDER is not set/.test(it.worker.log))
	fs.writeFileSync(at('.env'), 'SENDER=Somebody\n')
	await reloaded()
	const metrics = readJson(at('metrics.json'))
	metrics.metrics.greetings = { count: 'Greeted' }
	save(at('metrics.json'), JSON.stringify(metrics))
	await reloaded()
	writeJson(at('sequences/new.json'), { for: 'user', enter: { on: 'Greeted' },
		steps: [{ id: 'one', send: 'day-00-welcome' }] })
	await reloaded()
	await it.worker.events(identify('ada', { email: 'ada@example.com' }), track('ada', 'Greeted'))
	const [mail] = await it.sink.wait(1)
	assert.match(mail.raw.toString(), /^From: "?Somebody"? </m)
	assert.equal((await it.worker.person('ada')).metrics.greetings, 1)
})

test('an invalid edit is said once, with its place, and the last good set goes on', async (t) => {
	const it = await onboarding(t)
	save(it.file, it.subject('{{ user.first_name'))
	await until('the mistake to be told', () => it.reloads('stay in force') === 1)
	assert.match(it.worker.log, /templates\/day-00-welcome\.md:1:\d+/)
	fs.writeFileSync(path.join(it.dir, 'templates/.day-00-welcome.md.swp'), 'x')
	fs.writeFileSync(path.join(it.dir, 'templates/day-00-welcome.md~'), 'x')
	fs.writeFileSync(path.join(it.dir, 'elsewhere.txt'), 'x')
	await it.worker.events(...signUp('ada'))
	await it.sink.wait(1)
	save(it.file, it.subject('Mended'))
	await until('a reload', () => it.reloads(inForce) === 1)
	await it.worker.events(...signUp('bob'))
	await it.sink.wait(2)
	assert.equal(it.reloads('day-00-welcome.md:1:'), 1)
	assert.equal(it.reloads(changed), 2)
	assert.match((await subjects(it.sink))[1], /^Mended$/)
})

test('many files at once are one change', async (t) => {
	const it = await onboarding(t)
	for (const name of fs.readdirSync(path.dirname(it.file)).filter((n) => n.endsWith('.md')))
		save(path.join(it.dir, 'templates', name),
			fs.readFileSync(path.join(it.dir, 'templates', name), 'utf8') + '\n')
	save(it.file, it.subject('All of them'))
	await until('a reload', () => it.reloads(inForce) === 1)
	await it.worker.events(...signUp('ada'))
	await it.sink.wait(1)
	assert.deepEqual(await subjects(it.sink), ['All of them'])
	assert.equal(it.reloads(changed), 1)
})

test('a deployment that takes the sequences away first loses nothing', async (t) => {
	const it = await onboarding(t, { clock: '2026-03-02T11:30:00Z',
		edit: (settings) => { settings.quiet = { from: '11:00', to: '12:00' } } })
	const folder = path.join(it.dir, 'sequences')
	await it.worker.events(...signUp('ada'))
	await it.worker.moveTo('2026-03-02T11:30:00Z')
	fs.renameSync(folder, `${folder}.old`)
	await until('it to be refused', () => it.reloads('stay in force') === 1)
	assert.match(it.worker.log, /sequences: cannot be read: No such file/)
	const check = await nudge(['check', '-C', it.dir])
	assert.equal(check.code, 1)
	assert.match(check.stdout + check.stderr, /sequences: cannot be read/)
	fs.mkdirSync(folder)
	writeJson(path.join(folder, 'first.json'), { for: 'user', enter: { on: 'Greeted' },
		steps: [{ id: 'one', send: 'day-00-welcome' }] })
	await until('a reload', () => it.reloads(inForce) === 1)
	await until('who is inside to be counted', () =>
		it.reloads('1 are in the sequence self-serve-onboarding, which is not defined') === 1)
	await it.worker.moveTo('2026-03-02T12:05:00Z')
	assert.equal((await it.worker.messages())[0].reason, 'the step is no longer defined')
	fs.cpSync(`${folder}.old`, folder, { recursive: true })
	await until('a reload', () => it.reloads(inForce) === 2)
	await it.worker.moveTo('2026-03-02T12:10:00Z')
	await it.worker.moveTo('2026-03-06T00:00:00Z')
	assert.equal(it.sink.mails.length, 2)
})

test('"reload": "signal" waits for one', async (t) => {
	const it = await onboarding(t, { edit: (settings) => { settings.reload = 'signal' } })
	save(it.file, it.subject('Later'))
	const settings = readJson(path.join(it.dir, 'nudge.json'))
	save(path.join(it.dir, 'nudge.json'), JSON.stringify({ ...settings, reload: 'auto' }))
	await it.worker.events(...signUp('ada'))
	await it.sink.wait(1)
	assert.equal(it.reloads('reload: '), 0)
	it.worker.child.kill('SIGHUP')
	await until('a reload', () => it.reloads(inForce) === 1)
	save(it.file, it.subject('At once'))
	await until('a reload', () => it.reloads(inForce) === 2)
	await it.worker.events(...signUp('bob'))
	await it.sink.wait(2)
	assert.equal((await subjects(it.sink))[1], 'At once')
})

test('while mail flows, each mail is whole and of one set', async (t) => {
	const it = await onboarding(t)
	const people = 300
	let sent = 0
	const work = (async () => {
		while (sent < people) {
			const ids = Array.from({ length: 10 }, () => `user-${sent++}`)
			await it.worker.events(...ids.flatMap(signUp))
		}
	})()
	for (let i = 1; i <= 4; i++) {
		save(it.file, i === 2 ? 'Subject: {% if %}\n\nx'
			: it.subject(`Version ${i}`).replace(/\n\n/, `\n\nversion-${i}\n\n`))
		await until('a look', () => it.reloads(inForce) + it.reloads('stay in force') === i)
		await it.worker.events(...signUp(`witness-${i}`))
		await it.sink.wait(i)
	}
	await work
	const mails = await it.sink.wait(people + 4)
	assert.equal(new Set(mails.map((mail) => mail.to[0])).size, people + 4)
	assert.equal(mails.length, people + 4)
	for (const mail of await it.sink.parsed()) {
		const version = /^Version (\d)$/.exec(mail.subject)?.[1]
		assert.equal(/version-(\d)/.exec(mail.text)?.[1], version)
		if (mail.to.text === 'witness-4@example.com') assert.equal(version, '4')
	}
})

// ---------------------------------------------------------------------- its end

// A server that takes connections and never says a word.
async function deaf(t) {
	const server = net.createServer(() => {})
	server.listen(0, '127.0.0.1')
	await once(server, 'listening')
	t.after(() => server.close())
	return { port: server.address().port, called: once(server, 'connection') }
}

test('SIGTERM waits as long as "drain" says for one that never answers', async (t) => {
	const dir = await workspace(t, (settings) => {
		settings.drain = '1s'
		settings.channels.slow = { type: 'webhook', url: '$SLOW' }
		settings.channels.email = { type: 'smtp', host: '127.0.0.1', port: 1, tls: 'none' }
	})
	const { port, called } = await deaf(t)
	fs.writeFileSync(path.join(dir, '.env'), `SLOW=http://127.0.0.1:${port}/\n`)
	writeJson(path.join(dir, 'nudge.json'), (() => {
		const settings = readJson(path.join(dir, 'nudge.json'))
		settings.channels.email.port = port
		return settings
	})())
	const worker = await Worker.start(t, dir)
	await worker.events(...signUp('ada'))
	await called
	assert.deepEqual(await worker.stop(), { code: 0, signal: null })
	const again = await Worker.start(t, dir)
	const [message] = (await again.messages()).filter((m) => m.channel === 'email')
	assert.ok(['queued', 'sending'].includes(message.state), message.state)
})

test('a second SIGTERM ends it at once, and the mail is not forgotten', async (t) => {
	const { port, called } = await deaf(t)
	const dir = await workspace(t, (settings) => {
		settings.drain = '1h'
		settings.channels.email = { type: 'smtp', host: '127.0.0.1', port, tls: 'none' }
	})
	const worker = await Worker.start(t, dir)
	await worker.events(...signUp('ada'))
	await called
	worker.child.kill('SIGTERM')
	await until('it to drain', () => /stopping: /.test(worker.log))
	worker.child.kill('SIGTERM')
	await worker.ended
	assert.match(worker.log, /stopping at once/)
	const sink = await smtpSink(t)
	const settings = readJson(path.join(dir, 'nudge.json'))
	settings.channels.email.port = sink.port
	settings.retry = { first: '1s', longest: '1s' }
	writeJson(path.join(dir, 'nudge.json'), settings)
	await Worker.start(t, dir)
	await sink.wait(1)
})

// -------------------------------------------------------------------- retention

test('what is older than "retention" goes, metrics stay', async (t) => {
	const clock = '2026-03-02T10:00:00Z'
	const { dir, worker } = await mailing(t, { clock,
		edit: (settings, folder) => keepSequence(folder, 'self-serve-onboarding') })
	const tasks = (n) => Array.from({ length: n }, (_, i) =>
		track('ada', 'Task Succeeded', { workflow: `w${i % 3}` }))
	await worker.events(...signUp('ada'), ...tasks(3))
	for (let i = 0; i < 20; i++)
		await worker.events(...Array.from({ length: 200 }, (_, n) =>
			track(`user-${i}-${n % 50}`, 'Task Succeeded')))
	await worker.moveTo('2027-04-01T10:00:00Z')
	const of = async (w, id) => w.get(`/v1/people/${id}/timeline?limit=500`)
	assert.equal((await of(worker, 'ada')).events.length, 5)
	const [welcome] = await worker.messages()
	assert.equal(welcome.state, 'sent')
	await worker.events(...tasks(1))
	await worker.moveTo('2027-05-10T10:00:00Z')
	await worker.stop()
	const again = await Worker.start(t, dir, { clock: '2027-05-10T10:00:00Z' })
	await until('the old to go', async () => (await again.messages()).length === 0 &&
		(await of(again, 'user-19-49')).events.length === 0)
	const left = await of(again, 'ada')
	assert.equal(left.events.length, 1)
	const { metrics, decisions } = await again.person('ada')
	assert.deepEqual(decisions, [])
	assert.deepEqual([metrics.tasks, metrics.workflows], [4, 3])
	assert.equal((await again.person('user-3-7')).metrics.tasks, 4)
	// A new metric is of what is left; it takes nothing from the others.
	const file = path.join(dir, 'metrics.json'), definitions = readJson(file)
	definitions.metrics.recent = { count: 'Task Succeeded' }
	save(file, JSON.stringify(definitions))
	await until('the new metric', async () =>
		(await again.person('ada')).metrics.recent === 1)
	await again.events(...tasks(2), track('new', 'Task Succeeded'))
	assert.equal((await again.person('ada')).metrics.tasks, 6)
	assert.equal((await of(again, 'ada')).events.length, 3)
	assert.equal((await of(again, 'new')).events.length, 1)
	assert.equal((await of(again, 'user-0-0')).events.length, 0)
})

// ----------------------------------------------------------------------- backup

test('a backup beside a worker under load, and its return', async (t) => {
	const { dir, worker } = await mailing(t)
	const copy = path.join(dir, '..', 'copy.db')
	let sent = 0, is_over = false
	await worker.events(...signUp('ada'))
	const work = (async () => {
		while (!is_over)
			await worker.events(...Array.from({ length: 50 }, () =>
				track(`user-${sent++}`, 'E', { x: 'x'.repeat(500) })))
	})()
	await until('some work', () => sent > 2000)
	const made = await nudge(['backup', copy, '-C', dir, '--json'])
	const after = sent
	is_over = true
	await work
	assert.equal(made.code, 0, made.stderr)
	assert.equal(made.stderr, '')
	assert.deepEqual(JSON.parse(made.stdout),
		{ file: copy, bytes: fs.statSync(copy).size })
	assert.equal(fs.statSync(copy).mode & 0o777, 0o600)
	assert.deepEqual(fs.readdirSync(path.dirname(copy)).sort(), ['copy.db', 'workspace'])
	await worker.stop()
	fs.copyFileSync(copy, path.join(dir, 'data/nudge.db'))
	const again = await Worker.start(t, dir)
	assert.equal((await again.person('ada')).traits.plan, 'free')
	assert.equal((await again.person('user-1999')).id, 'user-1999')
	assert.equal((await again.call(`/v1/people/user-${after + 50}`))[0], 404)
})

test('a backup of a store at rest, and what a backup refuses', async (t) => {
	const dir = await workspace(t)
	const copy = path.join(dir, 'copy.db')
	const none = await nudge(['backup', copy, '-C', dir])
	assert.equal(none.code, 74)
	assert.match(none.stderr, /nudge\.db/)
	const worker = await Worker.start(t, dir)
	await worker.events(...signUp('ada'))
	await worker.stop()
	const before = fs.readFileSync(path.join(dir, 'data/nudge.db'))
	// Neither a secret that is not set here, nor a mistake elsewhere, is in its way.
	const settings = readJson(path.join(dir, 'nudge.json'))
	settings.channels.hook = { type: 'webhook', url: '$NOT_SET' }
	writeJson(path.join(dir, 'nudge.json'), settings)
	const made = await nudge(['backup', copy, '-C', dir])
	assert.equal(made.code, 0, made.stderr)
	assert.match(made.stdout, /copy\.db: \d/)
	assert.deepEqual(fs.readFileSync(path.join(dir, 'data/nudge.db')), before)
	assert.deepEqual(fs.readFileSync(copy).subarray(100), before.subarray(100))
	const twice = await nudge(['backup', copy, '-C', dir])
	assert.equal(twice.code, 74)
	assert.match(twice.stderr, /copy\.db/)
	const nowhere = await nudge(['backup', path.join(dir, 'no/copy.db'), '-C', dir])
	assert.match(nowhere.stderr, /No such file/)
	fs.writeFileSync(path.join(dir, 'nudge.json'), '{')
	assert.equal((await nudge(['backup', `${copy}2`, '-C', dir])).code, 78)
	assert.equal(fs.existsSync(`${copy}2`), false)
	assert.match((await nudge(['backup', '--help'])).stdout, /nudge backup -C acme/)
})

test('a big backup shows on a terminal how far it is', async (t) => {
	const dir = await workspace(t)
	const worker = await Worker.start(t, dir)
	for (let i = 0; i < 60; i++)
		await worker.events(track(`user-${i}`, 'E', { x: 'x'.repeat(900000) }))
	const { shown } = atTerminal(['backup', path.join(dir, 'copy.db'), '-C', dir])
	assert.match(shown, /copy\.db: \d+/)
	assert.match(shown, /\r\[#+ *\] \d+ of \d+ MB/)
})
