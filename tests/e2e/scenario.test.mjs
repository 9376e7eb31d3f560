// nudge test: scenarios that pass, that fail, and that cannot be read.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import Ajv from 'ajv/dist/2020.js'
import { atTerminal, nudge, readJson, root, workspace, writeJson } from './lib.mjs'

const schema = new Ajv({ strict: true, strictRequired: false }).compile(
	readJson(path.join(root, 'sequences/library/schema/scenario.json')))

const sequence = { for: 'user', topic: 'onboarding',
	enter: { on: 'Signed Up', if: "user.plan == 'free'" },
	exit: [{ on: 'Plan Upgraded' }],
	window: { days: 'mon-fri', from: '09:00', to: '11:00', timezone: 'user' },
	steps: [{ id: 'welcome', day: 0, window: 'any', send: 'welcome' },
		{ id: 'day-3', day: 3, choose: [{ if: 'metric.tasks > 0', send: 'praise' },
			{ send: 'nag' }] },
		{ id: 'day-7', day: 7, if: 'metric.tasks < 5', send: 'tips' }] }
const alarm = { for: 'user', enter: { on: 'Task Failed', reenter: 'after-exit' },
	steps: [{ id: 'tell', after: '48h', send: 'alarm', to: ['account.owner', 'room'] }] }
const coverage = { for: 'account', enter: { metric: 'coverage', above: 0.5, dwell: '1d' },
	steps: [{ id: 'ask', send: 'tips', to: { members: 'user.seed' } },
		{ id: 'tell', after: '1h', send: 'alarm', to: 'room' }] }
const mail = (subject, body) => `Subject: ${subject}\n\n${body}\n`

// A workspace of its own, so that what is shipped may change.
async function small(t, scenarios = {}) {
	return workspace(t, (settings, dir) => {
		for (const folder of ['sequences', 'templates', 'scenarios']) {
			fs.rmSync(path.join(dir, folder), { recursive: true })
			fs.mkdirSync(path.join(dir, folder))
		}
		settings.channels.slack = { type: 'capture' }
		settings.contacts = { room: { channel: 'slack' } }
		const write = (name, text) => fs.writeFileSync(path.join(dir, name), text)
		write('templates/welcome.md', mail('Welcome',
			'Hi {{ user.first_name | default: "there" }},\n\nthis is a long line which ' +
			'is wrapped somewhere, and nobody who writes a scenario should care.'))
		write('templates/praise.md', mail('{{ metric.tasks }} done', 'Well done.'))
		write('templates/nag.md', mail('Start', 'Try it.'))
		write('templates/tips.md', mail('Tips', 'Here are some.'))
		writeJson(path.join(dir, 'templates/alarm.json'), { channel: 'slack',
			body: { text: 'It "fails" for {{ user.id | default: account.id }}', blocks: [{ score: 38 }] } })
		writeJson(path.join(dir, 'sequences/onboarding.json'), sequence)
		writeJson(path.join(dir, 'sequences/alarm.json'), alarm)
		writeJson(path.join(dir, 'sequences/coverage.json'), coverage)
		writeJson(path.join(dir, 'metrics.json'), { metrics: {
			coverage: { for: 'account', share: 'metric.tasks > 0', among: 'user.seed' },
			tasks: { count: 'Task Succeeded' }, last: { last: 'Task Succeeded' },
			done: { milestones: [{ name: 'One', if: 'metric.tasks > 0' },
				{ name: 'Two', if: 'metric.tasks > 1' }] } } })
		for (const [name, value] of Object.entries(scenarios))
			writeJson(path.join(dir, `scenarios/${name}.json`), value)
	})
}

const ada = { id: 'ada', plan: 'free', email: 'ada@example.com', timezone: 'Europe/Berlin' }
const signedUp = { at: '2026-03-27T10:00:00+01:00', event: 'Signed Up' }
const passing = { scenario: 'nobody who starts is nagged', user: ada,
	events: [signedUp, { at: 'day 2 15:00', event: 'Task Succeeded' }],
	expect: [{ send: 'welcome', at: '2026-03-27T10:00:00+01:00', to: 'ada@example.com' },
		{ send: 'praise', at: '2026-03-30T09:00:00+02:00', contains: '1 done' },
		{ send: 'tips' }],
	never: ['nag'], until: 'day 20 00:00' }
const failing = { ...passing, scenario: 'a wrong one',
	expect: [{ send: 'welcome' }, { send: 'nag', at: 'day 3 09:00', to: 'ada' },
		{ send: 'tips', contains: 'secret' }, { metric: 'tasks', is: 3 }] }

const run = (dir, ...args) => nudge(['test', '-C', dir, ...args])
// One scenario must pass, or must not: [whether, all that was said].
async function one(t, scenario) {
	const dir = await small(t, { one: scenario })
	const { code, stdout, stderr } = await run(dir)
	assert.ok(code === 0 || code === 1, stderr)
	return [code === 0, stdout]
}
async function passes(t, scenario) {
	assert.ok(schema(scenario), JSON.stringify(schema.errors))
	const [passed, said] = await one(t, scenario)
	assert.ok(passed, said)
}
async function fails(t, scenario, ...expected) {
	const [passed, said] = await one(t, scenario)
	assert.ok(!passed, said)
	for (const pattern of expected) assert.match(said, pattern)
}

test('every scenario that is shipped passes', async (t) => {
	const dir = await workspace(t)
	const { code, stdout, stderr } = await run(dir)
	assert.equal(code, 0, stdout + stderr)
	assert.match(stdout, /^ok {4}scenarios\/upgrades\.json {2}an upgrade ends/m)
	assert.match(stdout, /\n\d+ passed, 0 failed\n$/)
})

test('a failure is one timeline, with the reasons', async (t) => {
	const dir = await small(t, { good: passing, wrong: failing })
	const { code, stdout, stderr } = await run(dir)
	assert.deepEqual([code, stderr], [1, ''])
	assert.ok(!stdout.includes('\x1b'), 'no colours but on a terminal')
	for (const [env, has] of [[{}, true], [{ NO_COLOR: '' }, true], [{ NO_COLOR: '1' }, false],
		[{ TERM: 'dumb' }, false]])
		assert.equal(atTerminal(['test', '-C', dir], { env }).shown.includes('\x1b['), has, JSON.stringify(env))
	const lines = stdout.split('\n')
	const at = (pattern) => {
		const n = lines.findIndex((line) => pattern.test(line))
		assert.ok(n >= 0, `${pattern} in\n${stdout}`)
		return n
	}
	at(/^ok {4}scenarios\/good\.json {2}nobody who starts is nagged$/)
	at(/^FAIL {2}scenarios\/wrong\.json {2}a wrong one$/)
	at(/expected +happened \(times of Europe\/Berlin\)/)
	const rows = [/Mar 27 10:00 +· {2}ada: Signed Up/,
		/Mar 27 10:00 +welcome +=  welcome to ada@example\.com/,
		/Mar 29 15:00 +· {2}ada: Task Succeeded/,
		/Mar 30 09:00 +nag to ada +✗  praise to ada@example\.com/,
		/why: .*metric\.tasks is 1/,
		/Apr 03 09:00 +tips +✗  tips to ada@example\.com/,
		/why: it does not say "secret" \("Tips"\)/,
		/Apr 16 00:00 +tasks of ada is 3 +✗  1/].map(at)
	assert.deepEqual(rows, [...rows].sort((a, b) => a - b))
	assert.match(stdout, /\n1 passed, 1 failed\n$/)
})

test('what is missing is explained by the decision about its step', async (t) => {
	const upgraded = { ...passing, never: [],
		events: [signedUp, { at: '+24h', event: 'Plan Upgraded' }] }
	await fails(t, { ...upgraded, expect: [{ send: 'welcome' }, { send: 'tips' }] },
		/tips +✗ *\n.*why: Mar 28 10:00 exited onboarding: Plan Upgraded/)
	await fails(t, { ...passing, expect: [{ send: 'welcome' }, { send: 'praise' },
		{ send: 'tips' }, { send: 'alarm' }] }, /why: nobody entered alarm or coverage/)
	const five = Array.from({ length: 5 }, () => passing.events[1])
	await fails(t, { ...passing, events: [signedUp, ...five] },
		/tips +✗ *\n.*why: Apr 03 09:00 skipped onboarding day-7: .*metric\.tasks is 5/)
})

test('what is not expected fails, unless others are allowed', async (t) => {
	const some = { ...passing, expect: [{ send: 'praise' }] }
	await fails(t, some, /✗  welcome to ada/, /✗  tips to ada/)
	await passes(t, { ...some, only: false })
	await fails(t, { ...some, only: false, never: ['tips'] }, /never tips +✗  tips/)
	await fails(t, { ...some, only: false, never: [{ send: 'tips', to: 'user' }] })
	await passes(t, { ...some, only: false, never: [{ send: 'tips', to: 'room' }] })
})

test('twice is not once, and order does not matter', async (t) => {
	const [welcome, praise, tips] = passing.expect
	await passes(t, { ...passing, expect: [tips, welcome, praise] })
	await fails(t, { ...passing, expect: [...passing.expect, tips] }, /1 failed/)
	// the one that may be any gives way to the one that is particular
	const two = { ...passing, user: { ...ada, account: 'x' }, never: [],
		accounts: [{ id: 'x' }], until: '+7d',
		events: ['+0s', '+72h'].map((at, i) => ({ at: i ? at : signedUp.at, event: 'Task Failed' })),
		expect: [{ send: 'alarm', to: 'room' }, { send: 'alarm', to: 'room', at: '+48h' },
			{ send: 'alarm', to: 'account.owner' }, { send: 'alarm', to: 'account.owner' }] }
	await passes(t, two)
	await passes(t, { ...two, expect: two.expect.toReversed() })
})

test('times count from the first event, in the zone of whom they are about', async (t) => {
	const bob = { ...ada, id: 'bob', email: 'bob@example.com', timezone: 'America/New_York' }
	await passes(t, { scenario: 'over both changes of the clocks', users: [ada, bob],
		events: [{ at: '2026-03-05T22:00:00Z', user: 'ada', event: 'Signed Up' },
			{ at: 'day 1 17:00', user: 'bob', event: 'Signed Up' }],
		expect: [{ send: 'welcome', to: 'ada', at: '+0s' },
			{ send: 'welcome', to: 'bob', at: '2026-03-06T22:00:00Z' },
			{ send: 'nag', to: 'ada', at: '2026-03-09T09:00:00+01:00' },
			{ send: 'nag', to: 'bob', at: '2026-03-09T09:00:00-04:00' },
			{ send: 'tips', to: 'ada', at: 'day 7 09:00' },
			{ send: 'tips', to: 'bob', at: 'day 8 09:00' }], until: '+2w' })
	await passes(t, { scenario: 'a night without half past two', user: ada,
		events: [{ ...signedUp, at: '2026-03-28T12:00:00+01:00' },
			{ at: 'day 1 02:30', event: 'Task Succeeded' }],
		expect: [{ metric: 'tasks', is: 0, at: '2026-03-29T03:29:59+02:00' },
			{ metric: 'tasks', is: 1, at: '2026-03-29T03:30:00+02:00' },
			{ metric: 'tasks', is: 1, at: '+1w' }], only: false, until: 'day 7 13:00' })
})

test('metrics: at a time or at the end, by value or by bounds', async (t) => {
	const metrics = { ...passing, only: false, never: [] }
	const second = { at: 'day 4 12:00', event: 'Task Succeeded' }
	metrics.events = [...passing.events, second]
	await passes(t, { ...metrics, expect: [{ metric: 'tasks', is: 2 },
		{ metric: 'tasks', is: 0, at: '+1h' }, { metric: 'tasks', is: 1, at: 'day 2 15:00' },
		{ metric: 'tasks', above: 1, below: 2.5 }, { metric: 'done.percent', is: 100 },
		{ metric: 'done.next', is: null }, { metric: 'last', is: null, at: '+0s' },
		{ metric: 'last', is: '2026-03-31T10:00:00Z', user: 'ada' }] })
	await fails(t, { ...metrics, expect: [{ metric: 'tasks', above: 2 }] },
		/tasks of ada above 2 +✗  2/)
	await fails(t, { ...metrics, expect: [{ metric: 'last', above: 0, at: '+0s' }] }, /✗  null/)
})

test('decisions: who entered, left, passed over, and why', async (t) => {
	const events = [signedUp, ...Array.from({ length: 6 }, () => passing.events[1]),
		{ at: 'day 9 12:00', event: 'Plan Upgraded' }]
	const decided = { ...passing, events, only: false }
	const later = { ...decided, events: [signedUp, { at: '+1d', event: 'Plan Upgraded' }], never: [] }
	await passes(t, { ...decided, expect: [
		{ entered: 'onboarding', at: '+0s', because: 'plan', user: 'ada' },
		{ skipped: 'day-7', sequence: 'onboarding', because: 'metric.tasks is 6' }] })
	await passes(t, { ...later, expect: [{ exited: 'onboarding', at: '+24h' }] })
	await fails(t, { ...later, expect: [{ exited: 'onboarding', because: 'Deleted' }] },
		/exited onboarding: Deleted +✗ *\n.*why: Mar 28 10:00 exited onboarding: Plan Upgraded/)
	await fails(t, { ...decided, expect: [{ entered: 'alarm' }] }, /nothing was decided about it/)
	await fails(t, { ...decided, expect: [{ skipped: 'welcome' }] }, /why: .*welcome/)
})

test('several users, accounts that change, and documents', async (t) => {
	const users = [{ ...ada, account: 'acme' }, { ...ada, id: 'bob', email: 'bob@example.com' }]
	const accounts = [{ id: 'acme', owner: { email: 'gus@example.com' } },
		{ id: 'globex', owner: { email: 'hal@example.com' } }]
	await passes(t, { scenario: 'alarms go to whom the account has', users, accounts,
		events: [{ at: signedUp.at, account: 'acme', event: 'Task Failed' },
			{ at: '+1h', user: 'bob', account: 'globex', traits: { size: 3 } },
			{ at: '+2h', user: 'bob', event: 'Task Failed' },
			{ at: '+3h', account: 'acme', traits: { owner: { email: 'new@example.com' } } },
			{ at: '+4h', user: 'bob', traits: { plan: 'pro' } },
			{ at: '+5h', user: 'bob', event: 'Signed Up' }],
		expect: [{ send: 'alarm', to: 'new@example.com', at: '+48h', contains: 'It "fails" for ada' },
			{ send: 'alarm', to: 'room', at: '+48h', contains: '38' },
			{ send: 'alarm', to: 'hal@example.com', at: '+50h', contains: 'for bob' },
			{ send: 'alarm', to: 'room', at: '+50h' },
			{ metric: 'tasks', user: 'bob', is: 0 }],
		never: ['welcome'] })
})

test('sequences for accounts: their metrics, their members', async (t) => {
	const member = (id) => ({ ...ada, id, email: `${id}@example.com`, seed: true, account: 'acme' })
	const scenario = { scenario: 'one of two is not more than half',
		users: [member('ada'), member('bob'), { ...member('cy'), seed: false }],
		accounts: [{ id: 'acme' }],
		events: [{ at: signedUp.at, user: 'ada', event: 'Task Succeeded' },
			{ at: '+24h', user: 'cy', event: 'Task Succeeded' },
			{ at: '+72h', user: 'bob', event: 'Task Succeeded' }],
		expect: [{ metric: 'coverage', is: 1, at: '+96h' },
			{ metric: 'coverage', account: 'acme', is: 0.5, at: '+48h' },
			{ entered: 'coverage', account: 'acme', at: '+96h', because: 'metric.coverage' },
			{ send: 'tips', to: 'ada', at: '+96h' }, { send: 'tips', to: 'bob@example.com' },
			{ send: 'alarm', to: 'room', contains: 'acme', at: '+97h' }], until: '+30d' }
	await passes(t, scenario)
	await fails(t, { ...scenario, events: scenario.events.slice(0, 2) },
		/tips to ada +✗ *\n.*why: nobody entered coverage or onboarding/)
})

test('a message that cannot be rendered is a failure, whatever is expected', async (t) => {
	const dir = await small(t, { one: { ...passing, only: false, expect: [] } })
	fs.writeFileSync(path.join(dir, 'templates/tips.md'), mail('Tips', 'Hi {{ user.nick }}'))
	const { code, stdout, stderr } = await run(dir)
	assert.deepEqual([code, stderr], [1, ''])
	assert.match(stdout, /✗  tips to ada@example\.com\n.*why: templates\/tips\.md:3:\d+: .*nick/)
})

test('files by name, lists of scenarios, and their timelines', async (t) => {
	const dir = await small(t, { unread: { scenario: 'not looked at' } })
	const [a, b] = ['a.json', 'b.json'].map((name) => path.join(path.dirname(dir), name))
	writeJson(a, { scenarios: [passing, { ...passing, scenario: 'the same again' }] })
	writeJson(b, passing)
	const short = await run(dir, a, b)
	assert.equal(short.code, 0, short.stderr)
	assert.equal(short.stdout.split('\n').length, 5, short.stdout)
	assert.match(short.stdout, /a\.json {2}the same again\n.*b\.json/)
	assert.match(short.stdout, /\n3 passed, 0 failed\n$/)
	const long = await run(dir, b, '--timeline')
	assert.match(long.stdout, /Mar 30 09:00 +praise +=  praise to ada@example\.com/)
})

test('--json says it all to a machine', async (t) => {
	const dir = await small(t, { good: passing, wrong: failing })
	const { code, stdout } = await run(dir, '--json')
	assert.equal(code, 1)
	const told = JSON.parse(stdout)
	assert.deepEqual([told.passed, told.failed], [1, 1])
	assert.deepEqual(told.scenarios.map((s) => [s.file, s.scenario, s.passed]),
		[['scenarios/good.json', passing.scenario, true], ['scenarios/wrong.json', 'a wrong one', false]])
	const nag = told.scenarios[1].timeline.find((row) => row.expected === 'nag to ada')
	assert.match(nag.why, /metric\.tasks is 1/)
	assert.deepEqual([nag.at, nag.happened, nag.met],
		['2026-03-30T09:00:00+02:00', 'praise to ada@example.com', false])
	assert.ok(told.scenarios[0].timeline.every((row) => row.met !== false && row.why === undefined ||
		row.why === null))
})

test('the schema knows the shape', () => {
	assert.ok(schema({ scenarios: [passing, failing] }))
	for (const change of [{ scenarios: [] }, { until: 'day two' }, { expect: [{ sent: 'x' }] },
		{ users: [ada] }, { expect: [{ metric: 'tasks' }] }, { only: 'yes' },
		{ expect: [{ send: 'x', because: 'y' }] }])
		assert.equal(schema({ ...passing, ...change }), false, JSON.stringify(change))
})

// [what to change, where it must be found, what must be said]
const wrong = [
	[(s) => { s.expect[2].send = 'tip' }, '/expect/2/send', /did you mean "tips"/],
	[(s) => { s.never = ['nagg'] }, '/never/0', /did you mean "nag"/],
	[(s) => { s.expect.push({ exited: 'onbording' }) }, '/expect/3/exited', /did you mean "onboarding"/],
	[(s) => { s.expect.push({ skipped: 'day-8' }) }, '/expect/3/skipped', /no step is called "day-8"/],
	[(s) => { s.expect.push({ metric: 'task', is: 1 }) }, '/expect/3/metric', /did you mean "tasks"/],
	[(s) => { s.expect.push({ metric: 'tasks' }) }, '/expect/3', /"is", "above" or "below"/],
	[(s) => { s.expect.push({ sent: 'nag' }) }, '/expect/3', /one of "send"/],
	[(s) => { s.expect[0].containz = 'x' }, '/expect/0/containz', /did you mean "contains"/],
	[(s) => { s.expect[0].to = 'acount.owner' }, '/expect/0/to', /did you mean "account\.owner"/],
	[(s) => { s.expect[0].at = 'day two' }, '/expect/0/at', /"day 2 15:00" or "\+48h"/],
	[(s) => { s.expect[0].at = 'day 2 25:00' }, '/expect/0/at', /a time is expected/],
	[(s) => { s.expect[0].at = '2026-03-26T00:00:00Z' }, '/expect/0/at', /before the first event/],
	[(s) => { s.events[0].at = 'day 0 10:00' }, '/events/0/at', /first event needs a date/],
	[(s) => { s.events[1].user = 'adda' }, '/events/1/user', /did you mean "ada"/],
	[(s) => { s.events[1].traits = {} }, '/events/1', /either "event"/],
	[(s) => { s.events = [] }, '/events', /at least one event/],
	[(s) => { s.users = [ada] }, '', /either "user" or a list of "users"/],
	[(s) => { s.user = { plan: 'free' } }, '/user', /"id"/],
	[(s) => { s.user.timezone = 'Europe/Berln' }, '/user/timezone', /no time zone "Europe\/Berln"/],
	[(s) => { s.user.account = 'acme' }, '/user/account', /no account is called "acme"/],
	[(s) => { s.until = '+1h' }, '/until', /later time/],
	[(s) => { s.only = 'yes' }, '/only', /true or false/],
	[(s) => { delete s.expect }, '', /"expect" is missing/],
	[(s) => { s.scenaro = 1 }, '/scenaro', /did you mean "scenario"/],
]

test('what cannot be read is named to the place, and nothing runs', async (t) => {
	const dir = await small(t)
	for (const [change, pointer, expected] of wrong) {
		const scenario = structuredClone(passing)
		change(scenario)
		writeJson(path.join(dir, 'scenarios/wrong.json'), { scenarios: [passing, scenario] })
		const { code, stdout, stderr } = await run(dir)
		assert.deepEqual([code, stdout], [65, ''], stderr)
		assert.match(stderr, expected)
		assert.match(stderr, /^nudge: scenarios\/wrong\.json:\d+:\d+: /)
		assert.ok(stderr.includes(`(at /scenarios/1${pointer}`), `${pointer} in ${stderr}`)
	}
	fs.writeFileSync(path.join(dir, 'scenarios/wrong.json'), '{ "scenario": }')
	assert.match((await run(dir)).stderr, /wrong\.json:1:\d+/)
	const gone = await run(dir, path.join(dir, 'nowhere.json'))
	assert.equal(gone.code, 65)
	assert.match(gone.stderr, /nowhere\.json: cannot be read/)
})

test('several people: whose it is must be said', async (t) => {
	const dir = await small(t)
	const file = path.join(dir, 'scenarios/two.json')
	const both = { scenario: 'two', users: [ada, { ...ada, id: 'bob' }], accounts: [{ id: 'x' }],
		events: [{ ...signedUp, user: 'ada' }], expect: [], only: false }
	for (const [change, expected] of [
		[{ events: [signedUp] }, /"user" or "account" is missing/],
		[{ events: [{ ...signedUp, account: 'x' }] }, /no user belongs to x/],
		[{ expect: [{ metric: 'tasks', is: 0 }] }, /say whose: "user" or "account"/],
		[{ users: [ada, ada] }, /"ada" is there twice/]]) {
		writeJson(file, { ...both, ...change })
		const { code, stderr } = await run(dir)
		assert.equal(code, 65)
		assert.match(stderr, expected)
	}
	writeJson(file, both)
	assert.equal((await run(dir)).code, 0)
})

test('a workspace that could not run is not tested', async (t) => {
	const dir = await small(t, { one: passing })
	fs.rmSync(path.join(dir, 'templates/tips.md'))
	const { code, stdout, stderr } = await run(dir)
	assert.deepEqual([code, stdout], [78, ''])
	assert.match(stderr, /sequences\/onboarding\.json:\d+:\d+: .*tips/)
	const empty = await small(t)
	assert.deepEqual((await run(empty)).stdout, '0 passed, 0 failed\n')
})
