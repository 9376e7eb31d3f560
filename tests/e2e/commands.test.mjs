// The program at a prompt.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { atTerminal, edit, freePort, identify, mailing, nudge, program, token, track, until, Worker,
	workspace } from './lib.mjs'

const commands = ['init', 'run', 'check', 'test', 'preview', 'person', 'account', 'metrics',
	'queue', 'send', 'discarded', 'completion', 'help', 'version']
const signUp = (id) => [identify(id, { first_name: 'Ada', email: `${id}@example.com`,
	plan: 'free' }), track(id, 'Signed Up')]
const json = ({ code, stdout, stderr }) => {
	assert.equal(code, 0, stderr)
	return JSON.parse(stdout)
}

test('help: every command, each with an example', async () => {
	const all = await nudge(['help'])
	assert.equal(all.code, 0)
	for (const name of commands) {
		assert.match(all.stdout, new RegExp(`^ +${name} `, 'm'))
		const asked = await nudge(['help', name])
		assert.deepEqual([asked.code, asked.stderr], [0, ''])
		assert.match(asked.stdout, new RegExp(`^Usage: nudge ${name}`, 'm'))
		assert.match(asked.stdout, new RegExp(`^  nudge ${name}`, 'm'))
		assert.equal((await nudge([name, '--help'])).stdout, asked.stdout)
	}
	const settings = await nudge(['help', 'settings'])
	for (const name of ['listen', 'public_url', 'sender.postal', 'retry.first'])
		assert.ok(settings.stdout.includes(name), name)
})

test('version', async () => {
	const { stdout } = await nudge(['version'])
	assert.match(stdout, /^nudge \d+\.\d+\.\d+\n$/)
	assert.equal((await nudge(['--version'])).stdout, stdout)
	assert.equal(`nudge ${json(await nudge(['version', '--json'])).version}\n`, stdout)
})

test('a wrong word is met with the right one', async () => {
	for (const [args, expected] of [[['chekc'], /check/], [['help', 'chekc'], /check/],
		[['queue', '--stat', 'held'], /--state/], [['preview'], /usage/i],
		[['run', '--test-clock', 'noon'], /2026-/], [['queue', 'retry'], /usage/i],
		[['queue', 'eat', 'x'], /retry/], [['send', 'x', 'y', '--data', '{'], /JSON/]]) {
		const { code, stderr } = await nudge(args)
		assert.equal(code, 64, args.join(' '))
		assert.match(stderr, expected)
	}
	assert.equal((await nudge([])).code, 64)
})

test('-q: the exit code says it all; -- ends the options', async (t) => {
	const dir = await workspace(t)
	await (await Worker.start(t, dir)).stop()
	const shown = async (...args) => {
		const { code, stdout, stderr } = await nudge([...args, '-C', dir])
		return [code, stdout, stderr.replace(/^nudge: there is no .*\n$/, '-')]
	}
	assert.deepEqual(await shown('check', '-q'), [0, '', ''])
	assert.deepEqual(await shown('queue', '--quiet', '--json'), [0, '', ''])
	assert.deepEqual(await shown('test', '-q'), [0, '', ''])
	assert.deepEqual(await shown('person', 'ada', '-q'), [67, '', '-'])
	const odd = await nudge(['person', '-C', dir, '--', '--forget'])
	assert.match(odd.stderr, /there is no user "--forget"/)
	fs.writeFileSync(path.join(dir, 'metrics.json'), '{')
	assert.deepEqual(await shown('check', '-q'), [1, '', ''])
})

test('init writes a workspace that has no faults, and never writes over one', async (t) => {
	const dir = await workspace(t)
	const checked = await nudge(['check', '-C', dir])
	assert.deepEqual([checked.code, checked.stderr], [0, ''], checked.stdout)
	assert.match(checked.stdout, /^\d+ sequences, \d+ templates: 0 errors, 0 warnings\n$/)
	const other = path.join(path.dirname(dir), 'other')
	assert.equal((await nudge(['init', other])).code, 0)
	const keys = [dir, other].map((d) => fs.readFileSync(path.join(d, '.env'), 'utf8'))
	assert.match(keys[0], /^NUDGE_WRITE_KEY=\w{20,}\nNUDGE_OPERATOR_TOKEN=\w{20,}\n$/)
	assert.notEqual(keys[0], keys[1])
	assert.equal(fs.statSync(path.join(dir, '.env')).mode & 0o777, 0o600)
	const again = await nudge(['init', dir])
	assert.equal(again.code, 73)
	const odd = path.join(path.dirname(dir), 'with "quotes"')
	assert.equal(json(await nudge(['init', odd, '--json'])).workspace, odd)
	assert.equal(fs.readFileSync(path.join(dir, '.env'), 'utf8'), keys[0])
	for (const name of ['metrics.json', 'sequences/self-serve-onboarding.json',
		'templates/layouts/default.html', 'scenarios/upgrades.json', 'schema/settings.json'])
		assert.ok(fs.existsSync(path.join(dir, name)), name)
})

test('init and the command of its README: as new, with nothing set', async (t) => {
	const parent = fs.mkdtempSync('/tmp/nudge-')
	t.after(() => fs.rmSync(parent, { recursive: true }))
	const dir = path.join(parent, 'hello')
	await nudge(['init', 'hello'], { cwd: parent })
	const worker = await Worker.start(t, dir, { args: ['--set', 'listen=127.0.0.1:0'] })
	assert.match(worker.out, /nobody is mailed/)
	const line = /curl (.*)/s.exec(worker.out)[0]
	const [, key] = /-u (\w+):/.exec(line)
	const [, body] = /-d '(.*?)'/s.exec(line)
	const reply = await worker.fetch('/v1/batch', { method: 'POST', body,
		headers: { authorization: 'Basic ' + Buffer.from(key + ':').toString('base64') } })
	assert.equal(reply.status, 200, await reply.text())
	const outbox = path.join(dir, 'data/outbox')
	const [mail] = await until('a mail', () => fs.existsSync(outbox) &&
		fs.readdirSync(outbox).filter((name) => name.endsWith('.eml')).length > 0 &&
		fs.readdirSync(outbox))
	assert.match(fs.readFileSync(path.join(outbox, mail), 'utf8'), /Welcome, Ada/)
})

// [file, what to change, where it must be found, what must be said]
const faults = [
	['nudge.json', ['"listen"', '"lisden"'], /^nudge\.json:\d+:\d+/m, /listen/],
	['nudge.json', ['"UTC"', '"Europe/Berln"'], /^nudge\.json:\d+:\d+/m, /Europe\/Berlin|time zone/],
	['nudge.json', ['"type": "capture"', '"type": "smtb"'], /^nudge\.json:\d+:\d+/m, /smtp/],
	['metrics.json', ['"count": "Task Succeeded"', '"cuont": "Task Succeeded"'],
		/^metrics\.json:\d+:\d+/m, /count/],
	['sequences/self-serve-onboarding.json', ['"day-07-tips"', '"day-07-tip"'],
		/^sequences\/self-serve-onboarding\.json:\d+:\d+/m, /day-07-tips/],
	['sequences/self-serve-onboarding.json', ['metric.tasks > 0', 'metric.task > 0'],
		/^sequences\/self-serve-onboarding\.json:\d+:\d+/m, /tasks/],
	['sequences/self-serve-onboarding.json', ['"steps"', '"stebs"'],
		/^sequences\/self-serve-onboarding\.json:\d+:\d+/m, /steps/],
	['sequences/self-serve-onboarding.json', ['"24h"', '"24 hours"'],
		/^sequences\/self-serve-onboarding\.json:\d+:\d+/m, /24h|48h|duration/],
	['sequences/self-serve-onboarding.json', ['"mon-fri"', '"mon-fry"'],
		/^sequences\/self-serve-onboarding\.json:\d+:\d+/m, /mon/],
	['sequences/self-serve-onboarding.json', [',\n\t"topic"', '\n\t"topic"'],
		/^sequences\/self-serve-onboarding\.json:\d+:\d+/m, /expected|,/],
	['templates/day-00-welcome.md', ['{{ product_name }}', '{{ product_name | upcas }}'],
		/^templates\/day-00-welcome\.md:\d+:\d+/m, /upcase/],
	['templates/day-00-welcome.md', ['{% render "signature"', '{% rendr "signature"'],
		/^templates\/day-00-welcome\.md:\d+:\d+/m, /render/],
	['templates/day-00-welcome.md', ['Layout: default', 'Layout: defolt'],
		/^templates\/day-00-welcome\.md:\d+/m, /default/],
	['templates/day-00-welcome.md', ['Preheader:', 'Preheder:'],
		/^templates\/day-00-welcome\.md:\d+/m, /Preheader/],
	['templates/day-00-welcome.md', ['{% endif %}', ''], /^templates\/day-00-welcome\.md:\d+:\d+/m, /if/],
]

for (const [name, [from, to], where, what] of faults)
	test(`check finds ${to || `no ${from}`} in ${name}`, async (t) => {
		const dir = await workspace(t)
		const file = path.join(dir, name)
		const before = fs.readFileSync(file, 'utf8')
		assert.ok(before.includes(from), `${name} has no ${from}`)
		fs.writeFileSync(file, before.replace(from, to))
		const { code, stdout } = await nudge(['check', '-C', dir])
		assert.equal(code, 1, stdout)
		assert.match(stdout, where)
		assert.match(stdout, what)
		const told = JSON.parse((await nudge(['check', '-C', dir, '--json'])).stdout)
		const error = told.find((problem) => problem.level === 'error')
		assert.equal(error.file, name)
		assert.ok(error.line > 0)
		const run = await nudge(['run', '-C', dir])
		assert.equal(run.code, 78)
		assert.match(run.stderr, new RegExp(path.basename(name).replaceAll('.', '\\.')))
	})

test('check finds all that is wrong in one go', async (t) => {
	const dir = await workspace(t, (settings) => { settings.unknown = 1 })
	fs.rmSync(path.join(dir, 'templates/day-21-invite.md'))
	fs.rmSync(path.join(dir, 'templates/partials/signature.liquid'))
	const { code, stdout } = await nudge(['check', '-C', dir])
	assert.equal(code, 1)
	for (const word of [/unknown/, /day-21-invite/, /signature/]) assert.match(stdout, word)
})

test('secrets come from the environment, from files, from .env, in this order', async (t) => {
	const dir = await workspace(t, (settings) => { settings.keys.write = ['$MY_KEY'] })
	const refused = await nudge(['run', '-C', dir])
	assert.equal(refused.code, 78)
	assert.match(refused.stderr, /MY_KEY/)
	fs.appendFileSync(path.join(dir, '.env'), 'MY_KEY=from-env-file\n')
	const named = path.join(dir, 'secret')
	fs.writeFileSync(named, 'from-named-file\n')
	const shown = async (env) => {
		const worker = await Worker.start(t, dir, { env })
		const reply = await worker.fetch('/v1/t', { method: 'POST',
			body: JSON.stringify({ ...track('a', 'E'), writeKey: env.EXPECTED }) })
		await worker.stop()
		return reply.status
	}
	assert.equal(await shown({ EXPECTED: 'from-env-file' }), 200)
	assert.equal(await shown({ EXPECTED: 'from-named-file', MY_KEY_FILE: named }), 200)
	assert.equal(await shown({ EXPECTED: 'x', MY_KEY: 'x', MY_KEY_FILE: named }), 200)
	assert.equal(await shown({ EXPECTED: 'from-env-file', MY_KEY: 'x' }), 401)
})

test('preview: text, HTML, JSON; made up or real', async (t) => {
	const { dir, worker } = await mailing(t)
	const text = await nudge(['preview', 'day-00-welcome', '-C', dir])
	assert.match(text.stdout, /^Subject: +Welcome, Ada\. Start with one small task$/m)
	assert.match(text.stdout, /https:\/\/app\.acme\.example\/start/)
	const html = await nudge(['preview', 'day-00-welcome', '--html', '-C', dir])
	assert.match(html.stdout, /^<!DOCTYPE html>/i)
	const all = json(await nudge(['preview', 'day-00-welcome', '--json', '-C', dir]))
	assert.equal(all.html, html.stdout)
	await worker.events(identify('zoe', { first_name: 'Zoë', email: 'zoe@example.com' }))
	const real = await nudge(['preview', 'day-00-welcome', '--person', 'zoe', '-C', dir])
	assert.match(real.stdout, /Hi Zoë,/)
	const near = await nudge(['preview', 'day-00-welcom', '-C', dir])
	assert.equal(near.code, 66)
	assert.match(near.stderr, /did you mean "day-00-welcome"/)
	for (const name of fs.readdirSync(path.join(dir, 'templates'))
		.filter((n) => n.endsWith('.md') && n !== 'README.md'))
		assert.equal((await nudge(['preview', path.parse(name).name, '-C', dir])).code, 0, name)
})

test('only a worker makes a store; others say that there is none, and leave no files', async (t) => {
	const dir = await workspace(t)
	for (const args of [['queue'], ['person', 'ada'], ['account', 'acme'], ['metrics', 'ada'],
		['send', 'day-00-welcome', 'ada'], ['channels', 'pause', 'email'], ['decisions'],
		['person', 'ada', '--forget', '--yes'], ['preview', 'day-00-welcome', '--person', 'ada']]) {
		const { code, stderr } = await nudge([...args, '-C', dir])
		assert.equal(code, 66, args)
		assert.match(stderr, /there is no store .*data\/nudge\.db: nudge run makes it/)
	}
	assert.equal((await nudge(['backup', path.join(dir, 'copy.db'), '-C', dir])).code, 74)
	assert.equal((await nudge(['check', '-C', dir])).code, 0)
	assert.ok(!fs.existsSync(path.join(dir, 'data')))
})

test('a store that moved in nudge.json only is not taken for an empty one', async (t) => {
	const dir = await workspace(t)
	const worker = await Worker.start(t, dir)
	await worker.events(...signUp('ada'))
	edit(dir, 'nudge.json', '{', '{ "store": "data/other.db",')
	for (const args of [['queue'], ['person', 'ada']])
		assert.equal((await nudge([...args, '-C', dir])).code, 66)
	const copy = path.join(dir, 'copy.db')
	const backup = await nudge(['backup', copy, '-C', dir])
	assert.equal(backup.code, 74)
	assert.match(backup.stderr, /other\.db: No such file/)
	for (const file of [copy, path.join(dir, 'data/other.db')]) assert.ok(!fs.existsSync(file))
})

test('to ask a worker takes the place of the store and the token, and nothing else', async (t) => {
	const dir = await workspace(t, (settings) => { settings.reload = 'signal' })
	const worker = await Worker.start(t, dir)
	await worker.events(...signUp('ada'))
	const ask = (env) => nudge(['person', 'ada', '-C', dir], { env })
	edit(dir, 'nudge.json', '{', '{ "lissen": 1, "dedupe": "soon", "template_keys": { "k": "$NONE" },')
	assert.match((await ask()).stdout, /ada@example\.com/)
	edit(dir, 'nudge.json', '{', '')
	assert.equal((await ask({ NUDGE_OPERATOR_TOKEN: 'another' })).code, 77)
	assert.match((await ask({ NUDGE_OPERATOR_TOKEN: token })).stdout, /ada@example\.com/)
	await worker.stop()
	const alone = await ask({ NUDGE_OPERATOR_TOKEN: token })
	assert.equal(alone.code, 78)
	assert.match(alone.stderr, /^nudge\.json:1:/)
})

// Somebody who is neither the owner nor root; undefined: cannot be had here.
function asAnother(dir, args, env) {
	const uid = process.getuid() === 0 ? 65534 : undefined
	for (const folder of [path.dirname(dir), dir]) fs.chmodSync(folder, 0o755)
	if (uid === undefined) for (const file of ['.env', 'data']) fs.chmodSync(path.join(dir, file), 0)
	const { error, status: code, stdout, stderr } = spawnSync(program, [...args, '-C', dir],
		{ uid, gid: uid, encoding: 'utf8', env: { PATH: process.env.PATH, ...env } })
	return error ? undefined : { code, stdout, stderr }
}

test('who may not read the store asks its worker, and what may not be read is said', async (t) => {
	const port = await freePort()
	const dir = await workspace(t, (settings) => {
		settings.listen = `127.0.0.1:${port}`
		settings.keys.operator = ['$TOKEN']
	})
	fs.appendFileSync(path.join(dir, '.env'), `TOKEN=${token}\n`)
	const worker = await Worker.start(t, dir)
	await worker.events(...signUp('ada'))
	const allowed = asAnother(dir, ['person', 'ada'], { TOKEN: token })
	if (!allowed) return t.skip('the program cannot be run by another user')
	assert.match(allowed.stdout, /ada@example\.com/, allowed.stderr)
	const { code, stderr } = asAnother(dir, ['person', 'ada'])
	assert.equal(code, 78)
	assert.match(stderr, /\$TOKEN is not set: \.env: cannot be read: Permission denied/)
	await worker.stop()
	const none = asAnother(dir, ['person', 'ada'], { TOKEN: token })
	assert.equal(none.code, 77)
	assert.match(none.stderr, /does not answer[^]*nudge\.db: Permission denied/)
})

test('a fresh clone, without .env, is checked and tested', async (t) => {
	const dir = await workspace(t, (settings) => {
		settings.keys = { write: ['$NUDGE_WRITE_KEY'], operator: ['$NUDGE_OPERATOR_TOKEN'] }
		settings.channels.email = { type: 'smtp', host: '$RELAY', user: 'n', password: '$SMTP_PASSWORD' }
		settings.channels.slack = { type: 'webhook', url: '$SLACK_URL' }
		settings.channels['in-app'] = { type: 'webhook', url: 'https://app.acme.example', secret: '$S',
			aws: { region: 'r', service: 's', key: 'k', secret: '$AWS' } }
	})
	fs.rmSync(path.join(dir, '.env'))
	const checked = await nudge(['check', '-C', dir])
	assert.equal(checked.code, 0, checked.stdout)
	assert.equal(checked.stdout.match(/^warning: .* is not set: .*\[unset-variable\]$/gm).length, 7)
	assert.match(checked.stdout, /: 0 errors, 7 warnings$/m)
	const tested = await nudge(['test', '-C', dir])
	assert.equal(tested.code, 0, tested.stdout + tested.stderr)
	edit(dir, 'nudge.json', '"type": "smtp"', '"type": "smpt"')
	assert.equal((await nudge(['check', '-C', dir])).code, 1)
})

test('a file that is no JSON is one error, not all that follows from it', async (t) => {
	const said = async (file) => {
		const dir = await workspace(t)
		fs.writeFileSync(path.join(dir, file), '{ "a": }')
		return (await nudge(['check', '-C', dir])).stdout
	}
	assert.match(await said('nudge.json'), /^nudge\.json:1:8: [^\n]*\n\d+ sequences, \d+ templates: 1 error, /)
	assert.match(await said('metrics.json'), /^metrics\.json:1:8: [^\n]*\n\d+ sequences, \d+ templates: 1 error, /)
	const dir = await workspace(t, (settings) => {
		settings.chanels = settings.channels
		delete settings.channels
	})
	const { stdout } = await nudge(['check', '-C', dir])
	assert.match(stdout, /did you mean "channels"\?[^\n]*\n\d+ sequences, \d+ templates: 1 error, /)
})

for (const running of [true, false])
	test(`person, send and queue ${running ? 'beside' : 'without'} a worker`, async (t) => {
		const { dir, sink, worker } = await mailing(t)
		await worker.events(...signUp('ada'))
		await sink.wait(1)
		await until('the verdict', async () => (await worker.messages('state=sent'))[0])
		if (!running) await worker.stop()
		const at = ['-C', dir]

		const ada = json(await nudge(['person', 'ada', '--json', ...at]))
		assert.equal(ada.traits.email, 'ada@example.com')
		assert.equal(ada.messages[0].template, 'day-00-welcome')
		assert.ok(ada.decisions.some((d) => d.what === 'entered'))
		assert.equal(ada.sequences[0].next_step, 'day-3')
		const shown = await nudge(['person', 'ada', ...at])
		for (const word of ['ada@example.com', 'day-00-welcome', 'self-serve-onboarding', 'day-3'])
			assert.ok(shown.stdout.includes(word), word)
		assert.match(shown.stdout, /^ +activation +0%$/m)
		const nobody = await nudge(['person', 'nobody', ...at])
		assert.equal(nobody.code, 67)
		assert.match(nobody.stderr, /nobody/)

		const later = ['send', 'day-21-invite', 'ada', '--at', '2099-01-01T00:00:00Z', '--key', 'k1']
		const { key } = json(await nudge([...later, '--json', ...at]))
		assert.match((await nudge([...later, ...at])).stdout, /there already/)
		const wrong = await nudge(['send', 'day-21-invit', 'ada', ...at])
		assert.equal(wrong.code, 65)
		assert.match(wrong.stderr, /day-21-invit/)

		const list = json(await nudge(['queue', '--json', ...at]))
		assert.deepEqual([list.counts.sent, list.counts.queued], [1, 1])
		assert.match((await nudge(['queue', ...at])).stdout, /1 queued +1 sent/)
		assert.equal(json(await nudge(['queue', 'show', key, '--json', ...at])).state, 'queued')
		assert.equal(json(await nudge(['queue', 'cancel', key, '--json', ...at])).state, 'cancelled')
		assert.equal(json(await nudge(['queue', '--state', 'cancelled', '--json', ...at]))
			.messages[0].key, key)
		const sent = await nudge(['queue', 'retry', ada.messages[0].key, ...at])
		assert.equal(sent.code, 65)
		assert.match(sent.stderr, /sent/)

		const out = json(await nudge(['person', 'ada', '--exit', 'self-serve-onboarding',
			'--note', 'asked by phone', '--json', ...at]))
		assert.equal(out.sequences.filter((s) => s.next_step).length, 0)
		const told = json(await nudge(['person', 'ada', '--json', ...at]))
		assert.ok(told.decisions.some((d) => d.what === 'exited' && /by phone/.test(d.reason)))
	})

test('a message by hand reaches who is not unsubscribed, or by override', async (t) => {
	const { dir, sink, worker } = await mailing(t)
	const send = (...more) => nudge(['send', 'day-21-invite', 'ada', '-C', dir, ...more])
	assert.equal((await send()).code, 67)
	await worker.events(identify('ada', { email: 'ada@example.com' }))
	assert.equal((await send()).code, 0)
	await sink.wait(1)
	assert.equal((await nudge(['person', 'ada', '--suppress', '--topic', 'onboarding', '-C', dir]))
		.code, 0)
	const { key } = json(await send('--json'))
	await until('it to be skipped', async () =>
		(await worker.get(`/v1/messages/${key}`)).state === 'skipped')
	assert.equal((await send('--override')).code, 0)
	await sink.wait(2)
	const { decisions } = await worker.person('ada')
	assert.ok(decisions.some((d) => /override/.test(d.reason)))
})

test('to forget somebody must be meant: typed at a terminal, or --yes', async (t) => {
	const dir = await workspace(t)
	const worker = await Worker.start(t, dir)
	const is = async (id) => (await worker.call(`/v1/people/${id}`))[0] === 200
	await worker.events(...signUp('ada'), ...signUp('bob'))
	const script = await nudge(['person', 'ada', '--forget', '-C', dir])
	assert.equal(script.code, 64)
	assert.match(script.stderr, /erase ada .*cannot be undone: add --yes/)
	assert.equal((await nudge(['person', 'ada', '--forget', '-C', dir],
		{ input: 'ada\n' })).code, 64)
	for (const typed of ['', 'y', 'yes', 'ad', 'adaa']) {
		const asked = atTerminal(['person', 'ada', '--forget', '-C', dir], { typed })
		assert.equal(asked.code, 1, asked.shown)
		assert.match(asked.shown, /Type ada to go on: .*nothing was done/s)
	}
	assert.ok(await is('ada'))
	const typed = atTerminal(['person', 'ada', '--forget', '-C', dir], { typed: 'ada' })
	assert.equal(typed.code, 0, typed.shown)
	assert.match(typed.shown, /ada is forgotten/)
	assert.ok(!await is('ada'))
	assert.ok(await is('bob'))
	const meant = await nudge(['person', 'bob', '--forget', '--yes', '-C', dir])
	assert.deepEqual([meant.code, meant.stdout], [0, 'bob is forgotten\n'])
	assert.ok(!await is('bob'))
})

test('of who is forgotten nothing is left in the log of the store', async (t) => {
	const { dir, sink, worker } = await mailing(t)
	const log = () => fs.readFileSync(path.join(dir, 'data/nudge.db-wal'), 'latin1')
	await worker.events(...signUp('ada'))
	await sink.wait(1)
	await until('the verdict', async () => (await worker.messages('state=sent'))[0])
	assert.match(log(), /ada@example/)
	await worker.get('/v1/people/ada/forget', {})
	await until('the log to be wiped', () => !/ada@example/.test(log()))
})

test('who is suppressed stays so where a domain is not in ASCII', async (t) => {
	const { dir, worker } = await mailing(t)
	await worker.events(identify('ada', { email: 'ada@bücher.example' }))
	assert.equal((await nudge(['person', 'ada', '--suppress', '-C', dir])).code, 0)
	const { key } = json(await nudge(['send', 'day-21-invite', 'ada', '--json', '-C', dir]))
	const message = await until('it to be skipped', async () => {
		const found = await worker.get(`/v1/messages/${key}`)
		return found.state !== 'queued' && found
	})
	assert.deepEqual([message.state, message.reason], ['skipped', 'suppressed: by an operator'])
})

test('what strangers send cannot move an operator\'s cursor', async (t) => {
	const { dir, worker } = await mailing(t)
	const evil = '\u001b[2J\u009b31m\u202eevil'
	await worker.events(identify(evil, { name: evil, email: `a@example.com${evil}` }),
		track(evil, 'Signed Up', { [evil]: evil }))
	for (const args of [['person', evil], ['queue']]) {
		const { stdout, stderr } = await nudge([...args, '-C', dir])
		assert.doesNotMatch(stdout + stderr, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
	}
	assert.doesNotMatch(worker.log, /[\u001b\u009b]/)
})

test('a person is found by the address, too, unless several have it', async (t) => {
	const { dir, worker } = await mailing(t)
	const has = (id, email) => identify(id, { email })
	await worker.events(has('ada', 'ada@example.com'), has('bob', 'both@example.com'),
		has('eve', 'both@example.com'), has('id@example.com', 'other@example.com'),
		has('mal', 'id@example.com'))
	const show = (...args) => nudge(['person', ...args, '-C', dir])
	for (const [text, id] of [['ada@example.com', 'ada'], ['Ada@Example.com', 'ada'], ['ada', 'ada'],
		['id@example.com', 'id@example.com']])
		assert.equal(json(await show(text, '--json')).id, id)
	const both = await show('both@example.com')
	assert.equal(both.code, 65)
	assert.match(both.stderr, /is the address of (bob and eve|eve and bob)/)
	assert.equal((await show('nobody@example.com')).code, 67)
	assert.equal((await show('ada@example.com', '--suppress')).code, 0)
	assert.ok((await worker.person('ada')).decisions.some(({ what }) => what === 'suppressed'))
})

test('what strangers send forges no row', async (t) => {
	const { dir, worker, sink } = await mailing(t, {
		refuse: (stage) => stage === 'data' && [550, '5.7.1 no'] })
	const row = '\nzzzzzzzzzzzzzzzzzzzzzzzzzz  sent     day-00-welcome'
	const id = `ada${row}`
	await worker.events(identify(id, { email: 'ada@example.com', [`name${row}`]: `Ada${row}\ttab`,
		plan: 'free' }), track(id, 'Signed Up', { [row]: row }),
	identify('bob', { email: `bob@example.com${row}`, plan: 'free' }), track('bob', `Signed Up`))
	await until('the refusal', async () => (await worker.messages('state=refused'))[0])
	await worker.post('/v1/track', { userId: 'x', event: row.repeat(60) })
	for (const args of [['queue'], ['person', id], ['person', 'bob'], ['metrics', id], ['discarded']]) {
		const { code, stdout } = await nudge([...args, '-C', dir])
		assert.equal(code, 0)
		assert.doesNotMatch(stdout, /^zzzz/m, args[0])
		assert.doesNotMatch(stdout, /\t/)
	}
	assert.match((await nudge(['person', id, '-C', dir])).stdout, /^user ada\\u000azzzz/)
	assert.equal(sink.mails.length, 0)
})
