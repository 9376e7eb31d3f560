// What operators do by hand: each call leaves who did it and why, and what cannot
// be meant is refused. And the settings, as they see them.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { identify, mailing, nudge, track, until, workspace, writeJson } from './lib.mjs'

const at = '2026-03-09T10:00:00Z'
const json = ({ stdout }) => JSON.parse(stdout)
const manual = { for: 'user', enter: { manual: true }, topic: 'onboarding',
	steps: [{ id: 'one', after: '1d', send: 'day-07-tips' },
		{ id: 'two', after: '1d', send: 'day-21-invite' }] }

// Ada is there, and a sequence that people are put into by hand.
const start = async (t) => {
	const all = await mailing(t, { clock: at, edit: (_, dir) =>
		writeJson(path.join(dir, 'sequences/win-back.json'), manual) })
	await all.worker.events(identify('ada', { email: 'ada@example.com' }))
	return all
}
const log = async (worker, id = 'ada') => (await worker.person(id)).decisions
	.map(({ what, sequence, step, reason }) => [what, sequence, step, reason])
const nobodys = async (worker) => (await worker.get('/v1/decisions')).decisions
	.map(({ what, channel, reason }) => [what, channel, reason])

// ------------------------------------------------------------- who and why

test('each call leaves who made it and why in the log of the person', async (t) => {
	const { worker } = await start(t)
	const sequence = 'win-back'
	for (const [action, body, what, reason, step = null] of [
		['enter', { sequence }, 'entered', 'by jane: asked for it'],
		['pause', { sequence, for: '3d' }, 'paused',
			'by jane: asked for it; until 2026-03-12T10:00:00+00:00'],
		['resume', { sequence }, 'resumed', 'by jane: asked for it'],
		['pause', { sequence }, 'paused', 'by jane: asked for it; until it is resumed'],
		['skip', { sequence }, 'skipped', 'by jane: asked for it', 'one'],
		['exit', { sequence }, 'exited', 'by jane: asked for it'],
		['suppress', { topic: 'onboarding' }, 'suppressed', 'onboarding, by jane: asked for it'],
		['suppress', {}, 'suppressed', 'all topics, by jane: asked for it'],
		['unsuppress', {}, 'unsuppressed', 'all topics, by jane: asked for it']]) {
		await worker.get(`/v1/people/ada/${action}`,
			{ ...body, actor: 'jane', note: 'asked for it' })
		assert.deepEqual((await log(worker))[0],
			[what, body.sequence ?? null, step, reason], action)
	}
	const before = await log(worker)
	const [status] = await worker.call('/v1/people/ada/exit', { sequence, actor: 'jane' })
	assert.equal(status, 409)
	assert.deepEqual(await log(worker), before)
	await worker.get('/v1/people/ada/enter', { sequence })
	assert.equal((await log(worker))[0][3], 'by an operator')
	assert.deepEqual(await nobodys(worker), [])
})

test('a message sent, cancelled or retried by hand', async (t) => {
	const { sink, worker } = await start(t)
	const jane = { actor: 'jane', note: 'on the phone' }
	const { key } = await worker.get('/v1/send',
		{ user: 'ada', template: 'day-07-tips', at: '2026-04-01T00:00:00Z', ...jane })
	const mail = async () => (({ state, reason }) => [state, reason])(
		await worker.get(`/v1/messages/${key}`))
	assert.deepEqual((await log(worker))[0],
		['queued', null, null, 'day-07-tips, by jane: on the phone'])
	await worker.get(`/v1/messages/${key}/cancel`, jane)
	assert.deepEqual(await mail(), ['cancelled', 'by jane: on the phone'])
	assert.deepEqual([(await log(worker))[0][0], (await log(worker))[0][3]],
		['cancelled', 'by jane: on the phone'])
	await worker.get(`/v1/messages/${key}/retry`, { actor: 'bob' })
	assert.deepEqual([(await log(worker)).find(([what]) => what === 'retried')[3]], ['by bob'])
	await sink.wait(1)
	await worker.get('/v1/send',
		{ user: 'ada', template: 'day-21-invite', override: true, actor: 'jane' })
	assert.ok((await log(worker)).some(([what, , , why]) => what === 'queued' &&
		why === 'day-21-invite, with override, by jane'))
})

test('who forgot somebody stays, and whom does not', async (t) => {
	const { dir, worker } = await start(t)
	await worker.get('/v1/people/ada/suppress', { actor: 'jane' })
	assert.deepEqual(await worker.get('/v1/people/ada/forget',
		{ actor: 'jane', note: 'ticket 4711' }), { kind: 'user', id: 'ada', forgotten: true })
	assert.deepEqual(await nobodys(worker), [['forgotten', null, 'by jane: ticket 4711']])
	assert.match((await nudge(['decisions', '-C', dir])).stdout,
		/^2026-03-09T10:00:00.000Z  somebody was forgotten, by jane: ticket 4711$/m)
	await worker.get('/v1/channels/email/pause', { actor: 'bob' })
	assert.match((await nudge(['decisions', '-C', dir])).stdout, /  email was paused, by bob\n/)
	const { decisions: [{ what }], next_cursor } = await worker.get('/v1/decisions?limit=1')
	assert.equal(what, 'paused')
	assert.equal((await worker.get(`/v1/decisions?cursor=${next_cursor}`)).decisions[0].what,
		'forgotten')
	await worker.stop()
	const { stdout } = await nudge(['decisions', '--json', '-C', dir])
	assert.equal(JSON.parse(stdout).decisions.length, 2)
	assert.doesNotMatch(stdout, /ada/)
})

for (const running of [true, false])
	test(`commands say who is logged in, ${running ? 'beside' : 'without'} a worker`, async (t) => {
		const { dir, worker } = await start(t)
		if (!running) await worker.stop()
		const run = async (args, env) => {
			const done = await nudge([...args, '-C', dir], { env })
			assert.equal(done.code, 0, done.stderr)
			return done
		}
		const last = async () => json(await run(['person', 'ada', '--json'])).decisions[0]
		await run(['person', 'ada', '--enter', 'win-back'])
		assert.equal((await last()).reason, `by ${os.userInfo().username}`)
		await run(['person', 'ada', '--pause', 'win-back'], { SUDO_USER: 'sam' })
		assert.equal((await last()).reason, 'by sam; until it is resumed')
		await run(['person', 'ada', '--exit', 'win-back', '--actor', 'jane', '--note', 'bought'],
			{ SUDO_USER: 'sam' })
		assert.match((await run(['person', 'ada'])).stdout, /exited win-back by jane: bought/)
		const { key } = json(await run(['send', 'day-21-invite', 'ada', '--json',
			'--at', '2099-01-01T00:00:00Z', '--actor', 'jane', '--note', 'why not']))
		assert.equal((await last()).reason, 'day-21-invite, by jane: why not')
		await run(['queue', 'cancel', key, '--actor', 'jane', '--note', 'better not'])
		assert.equal((await last()).reason, 'by jane: better not')
	})

test('a timeline has events and decisions together, in pages', async (t) => {
	const { worker } = await start(t)
	for (const [when, event] of [['10:01', 'A'], ['10:02', 'B'], ['10:03', 'C']]) {
		await worker.moveTo(`2026-03-09T${when}:00Z`)
		await worker.events(track('ada', event))
		await worker.get('/v1/people/ada/suppress', { note: event })
	}
	const pages = []
	for (let cursor = ''; cursor !== undefined;) {
		const page = await worker.get(`/v1/people/ada/timeline?limit=3${cursor}`)
		pages.push([...page.events.map((e) => e.event ?? e.type),
			...page.decisions.map((d) => `because of ${d.reason.slice(-1)}`)])
		cursor = page.next_cursor && `&cursor=${page.next_cursor}`
	}
	assert.deepEqual(pages, [['C', 'because of C', 'because of B'],
		['B', 'A', 'because of A'], ['identify']])
})

// --------------------------------------------------- what cannot be meant

test('queries and bodies with what is not known, or is no such value', async (t) => {
	const { dir, worker } = await start(t)
	const refused = async (where, detail, body) => {
		const [status, problem] = await worker.call(where, body)
		assert.deepEqual([status, problem.status, problem.type], [400, 400, 'about:blank'], where)
		assert.match(problem.detail, detail)
	}
	for (const list of ['people?q=a', 'messages?', 'people/ada/timeline?', 'accounts/x?',
		'decisions?']) {
		for (const limit of ['0', '-1', 'x', '', '1.5', '501', '100000', '99999999999999999999'])
			await refused(`/v1/${list}&limit=${limit}`, /^"limit" is a whole number from 1 to 500$/)
		await refused(`/v1/${list}&limt=1`, /^"limt" is not known here; did you mean "limit"\?$/)
	}
	for (const cursor of ['x', '', '-1', '1%20'])
		await refused(`/v1/messages?cursor=${cursor}`, /next_cursor/)
	await refused('/v1/people/ada?full=1', /^"full" is not known here$/)
	await refused('/v1/people/ada/metrics?limit=1', /"limit" is not known/)
	await refused('/v1/messages?state=%ff', /^"\ufffd" is not a state/)
	await refused('/v1/discarded?limit=1', /no parameters/)
	await refused(`/v1/messages?sequence=${'x'.repeat(300)}`, /^"sequence" is too long$/)
	await refused('/v1/people/ada/exit?sequence=win-back', /"sequence" is not known/, {})
	await refused('/v1/people/ada/exit', /"sequnce" .* "sequence"/, { sequnce: 'win-back' })
	await refused('/v1/people/ada/exit', /^"note" is a string$/, { sequence: 's', note: 1 })
	await refused('/v1/people/ada/suppress', /^"note" has 280 bytes at most$/,
		{ note: 'x'.repeat(281) })
	await refused('/v1/people/ada/suppress', /^"actor" has 64 bytes/, { actor: 'x'.repeat(65) })
	await refused('/v1/send', /^"override" is true or false$/,
		{ user: 'ada', template: 'day-07-tips', override: 'no' })
	await refused('/v1/send', /^"data" is an object$/,
		{ user: 'ada', template: 'day-07-tips', data: [1] })
	await refused('/v1/messages/none/retry', /"force" is not known/, { force: true })
	await refused('/v1/channels/email/pause', /"until" is not known/, { until: 'noon' })
	await refused('/v1/people/ada/suppress', /^"sequence" is not known/, { sequence: 'win-back' })
	await refused('/v1/people/ada/enter', /^"for" is not known/, { sequence: 'win-back', for: '3d' })
	await refused('/v1/people/ada/pause', /"topic" is not known/, { sequence: 'win-back', topic: 't' })
	await refused('/v1/people/ada/forget', /"topic" is not known/, { topic: 'onboarding' })
	for (const length of ['0s', '0d', 'soon', '99999999999999999999d'])
		await refused('/v1/people/ada/pause', /^"for" is a duration/,
			{ sequence: 'win-back', for: length })
	assert.deepEqual(await log(worker), [])
	const wrong = await nudge(['queue', '--limit', '0', '-C', dir])
	assert.deepEqual([wrong.code, wrong.stderr],
		[65, 'nudge: "limit" is a whole number from 1 to 500\n'])

	await worker.get('/v1/people/ada/enter', { sequence: 'win-back' })
	await worker.get('/v1/people/ada/pause', { sequence: 'win-back', for: '3d',
		actor: 'a'.repeat(64), note: 'n'.repeat(280) })
	assert.equal((await log(worker))[0][3],
		`by ${'a'.repeat(64)}: ${'n'.repeat(280)}; until 2026-03-12T10:00:00+00:00`)
})

test('names of what there is not', async (t) => {
	const { dir, worker } = await start(t)
	const send = { user: 'ada', template: 'day-07-tips' }
	for (const [where, body, detail] of [
		['send', { ...send, to: 'cs-laed' },
			'there is no recipient "cs-laed"; did you mean "cs-lead"?'],
		['send', { ...send, template: 'day-07-tip' },
			'there is no template "day-07-tip"; did you mean "day-07-tips"?'],
		['people/ada/suppress', { topic: 'onbording' },
			'there is no topic "onbording"; did you mean "onboarding"?'],
		['people/ada/unsuppress', { topic: 'neverwas' }, 'there is no topic "neverwas"']]) {
		const [status, problem] = await worker.call(`/v1/${where}`, body)
		assert.deepEqual([status, problem.detail], [422, detail])
	}
	assert.deepEqual(await log(worker), [])
	const wrong = await nudge(['send', 'day-07-tips', 'ada', '--to', 'cs-laed', '-C', dir])
	assert.deepEqual([wrong.code, wrong.stderr],
		[65, 'nudge: there is no recipient "cs-laed"; did you mean "cs-lead"?\n'])
	assert.equal((await worker.get('/v1/send', { ...send, to: 'cs-lead' })).duplicate, false)
})

test('a search comes in pages, each person once', async (t) => {
	const { worker } = await start(t)
	await worker.events(...['ab', 'ac', 'b'].map((id) =>
		identify(id, { email: `a-${id}@example.com` })))
	const found = []
	for (let cursor = 0; cursor !== undefined;) {
		const page = await worker.get(`/v1/people?q=a&limit=2&cursor=${cursor}`)
		found.push(...page.people.map(({ id }) => id))
		cursor = page.next_cursor
	}
	assert.deepEqual(found, ['ab', 'ac', 'ada', 'b'])
	assert.equal((await worker.get('/v1/people?q=a')).next_cursor, undefined)
})

test('a sequence: its definition, and what became of its messages', async (t) => {
	const { sink, worker } = await mailing(t, { clock: at, edit: (_, dir) =>
		writeJson(path.join(dir, 'sequences/x.json'), { for: 'user', enter: { on: 'Go' },
			steps: [{ id: 'one', day: 0, send: ['day-07-tips', 'day-21-invite'] },
				{ id: 'two', after: '1d', send: 'day-07-tips' }] }) })
	const known = (await worker.get('/v1/sequences')).sequences.find(({ name }) => name === 'x')
	assert.deepEqual(known, { name: 'x', description: null, for: 'user', steps: 2 })
	for (const id of ['ada', 'bob'])
		await worker.events(identify(id, { email: `${id}@example.com` }), track(id, 'Go'))
	await sink.wait(4)
	const one = { 'day-07-tips': { sent: 2 }, 'day-21-invite': { sent: 2 } }
	const { messages, definition, ...rest } = await until('them to be sent', async () => {
		const sequence = await worker.get('/v1/sequences/x')
		return JSON.stringify(sequence.messages) === JSON.stringify({ one }) && sequence
	})
	assert.deepEqual(rest, known)
	assert.deepEqual(definition.steps.map(({ id }) => id), ['one', 'two'])
	const [status, problem] = await worker.call('/v1/sequences/win-bac')
	assert.equal(status, 404)
	assert.match(problem.detail, /^there is no sequence "win-bac"/)
})

// ------------------------------------------------------- Idempotency-Key

const once = (worker, key, body) => worker.call('/v1/send',
	{ user: 'ada', template: 'day-07-tips', at: '2099-01-01T00:00:00Z', ...body },
	{ 'idempotency-key': key })

test('many requests with one key that come at once are one message', async (t) => {
	const { worker } = await start(t)
	const answers = await Promise.all(Array.from({ length: 30 }, () => once(worker, 'k')))
	for (const [status, { key }] of answers)
		assert.deepEqual([status, key], [200, answers[0][1].key])
	assert.equal(answers.filter(([, { duplicate }]) => !duplicate).length, 1)
	assert.equal((await worker.person('ada')).messages.length, 1)
	assert.deepEqual((await log(worker)).map(([what]) => what), ['queued'])
})

test('a key is used for one message; data in another order is the same', async (t) => {
	const { dir, worker } = await start(t)
	await worker.events(identify('bob', { email: 'bob@example.com' }))
	const [, { key }] = await once(worker, 'k', { data: { a: 1, b: 2 } })
	assert.deepEqual(await once(worker, 'k', { data: { b: 2, a: 1 }, note: 'again' }),
		[200, { key, duplicate: true }])
	for (const other of [{}, { data: { a: 1, b: 3 } }, { user: 'bob', data: { a: 1, b: 2 } },
		{ template: 'day-21-invite', data: { a: 1, b: 2 } },
		{ to: 'account.owner', data: { a: 1, b: 2 } }, { override: true, data: { a: 1, b: 2 } },
		{ at: '2098-01-01T00:00:00Z', data: { a: 1, b: 2 } }]) {
		const [status, problem] = await once(worker, 'k', other)
		assert.deepEqual([status, problem.detail],
			[422, `this key was used for another message, ${key}`])
	}
	assert.equal((await worker.messages('')).length, 1)
	const wrong = await nudge(['send', 'day-07-tips', 'ada', '--key', 'k', '-C', dir])
	assert.deepEqual([wrong.code, wrong.stderr],
		[65, `nudge: this key was used for another message, ${key}\n`])
})

// ---------------------------------------------------------------- settings

test('config: each setting, where it is from, and no secret', async (t) => {
	const dir = await workspace(t, (settings, folder) => {
		Object.assign(settings, { keys: { write: ['$WRITE', 'in-the-file'], operator: '$OPERATOR' },
			template_keys: { chat: 'in-the-file' }, drain: '5s', caps: [{ max: 3, window: '7d' }] })
		settings.variables.greeting = '$GREETING'
		settings.channels.email = { type: 'smtp', host: 'relay.example', user: 'nudge',
			password: '$PASSWORD' }
		settings.channels.app = { type: 'webhook', url: 'https://example.com/in-the-file',
			headers: { 'X-Token': 'in-the-file', 'X-More': '$WRITE' },
			aws: { region: 'x', service: 'ses', key: 'AKIA', secret: 'in-the-file' } }
		fs.writeFileSync(path.join(folder, '.env'), ['WRITE', 'OPERATOR', 'PASSWORD', 'GREETING']
			.map((name) => `${name}=secret-of-env\n`).join(''))
	})
	const env = { NUDGE_RETRY_FIRST: '7s', NUDGE_DRAIN: '6s', PASSWORD: 'secret-of-env' }
	const flags = ['--set', 'drain=8s', '--set', 'drain=9s', '-C', dir]
	const { settings } = json(await nudge(['config', '--json', ...flags], { env }))
	const of = (name) => (({ value, from }) => [from, value])(
		settings.find((row) => row.name === name))
	for (const [name, from, value] of [
		['drain', 'flag', '9s'],
		['retry.first', 'environment', '7s'],
		['sender.name', 'file', 'Acme'],
		['timezone', 'file', 'UTC'],
		['dedupe', 'default', '48h'],
		['keys.metrics', 'default', null],
		['caps', 'file', [{ max: 3, window: '7d' }]],
		['keys.write', 'file', ['$WRITE', '********']],
		['keys.operator', 'file', '$OPERATOR'],
		['template_keys', 'file', { chat: '********' }],
		['channels.email.password', 'file', '$PASSWORD'],
		['channels.email.port', 'default', '587'],
		['channels.app.url', 'file', '********'],
		['channels.app.headers', 'file', { 'X-Token': '********', 'X-More': '$WRITE' }],
		['channels.app.aws.secret', 'file', '********'],
		['channels.app.aws.key', 'file', 'AKIA']])
		assert.deepEqual(of(name), [from, value], name)
	assert.ok(!settings.some((row) => row.name === 'channels.app.host'))
	const shown = await nudge(['config', ...flags], { env })
	assert.match(shown.stdout, /^drain +flag +9s$/m)
	assert.match(shown.stdout, /^keys\.write +file +\["\$WRITE","\*{8}"\]$/m)
	assert.doesNotMatch(shown.stdout, /^keys\.metrics/m)
	for (const text of [shown.stdout, JSON.stringify(settings)])
		assert.doesNotMatch(text, /secret-of-env|in-the-file/)
	const wrong = await nudge(['config', '--set', 'drain=soon', '-C', dir], { env })
	assert.deepEqual([wrong.code, wrong.stdout], [78, ''])
	assert.match(wrong.stderr, /drain: a duration is expected/)
})
