// The JSON Schemas that editors use say of the shipped files what check says.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import Ajv from 'ajv/dist/2020.js'
import { readJson, workspace } from './lib.mjs'

async function schemas(t) {
	const dir = await workspace(t)
	const ajv = new Ajv({ strict: true, strictRequired: false, allErrors: true,
		allowUnionTypes: true })
	const folder = path.join(dir, 'schema')
	const validate = Object.fromEntries(fs.readdirSync(folder).map((name) =>
		[path.parse(name).name, ajv.compile(readJson(path.join(folder, name)))]))
	return { dir, validate }
}

const filesOf = (dir, folder) => fs.readdirSync(path.join(dir, folder))
	.filter((name) => name.endsWith('.json')).map((name) => path.join(dir, folder, name))

test('what init writes fits its schemas, and names them', async (t) => {
	const { dir, validate } = await schemas(t)
	const files = [['settings', path.join(dir, 'nudge.json')],
		['metrics', path.join(dir, 'metrics.json')],
		...filesOf(dir, 'sequences').map((file) => ['sequence', file]),
		...filesOf(dir, 'scenarios').map((file) => ['scenario', file])]
	assert.ok(files.length > 8)
	for (const [name, file] of files) {
		const value = readJson(file)
		assert.ok(validate[name](value), `${file}: ${JSON.stringify(validate[name].errors)}`)
		const named = path.resolve(path.dirname(file), value.$schema)
		assert.equal(named, path.join(dir, 'schema', `${name}.json`))
	}
	assert.ok(validate.template({ channel: 'slack', body: { text: '{{ user.email }}' } }))
})

test('each way in fits', async (t) => {
	const { dir, validate } = await schemas(t)
	const sequence = readJson(path.join(dir, 'sequences/self-serve-onboarding.json'))
	const reenter = { after: '9d' }
	for (const enter of [{ on: 'A', if: 'x', reenter }, { manual: true },
		{ metric: 'm', below: 40, rearm: 45.5, cooldown: '14d' },
		{ metric: 'm', above: -1, dwell: '1h', baseline: 'fire', if: 'x', reenter },
		{ metric: 'm', stagnant: '14d' }, { metric: 'm', stagnant: '14d', gain: 0.5, if: 'x' },
		{ missing: 'A', after: 'B', within: '2d', reenter: 'after-exit' },
		{ idle: '7d', of: 'A' }, { idle: '7d', since: 'm', of: 'A', reenter },
		{ date: 'user.x' }, { date: 'account.x', offset: '-3d', if: 'x' }, [{ on: 'A' }, { manual: true }]])
		assert.ok(validate.sequence({ ...sequence, enter }),
			`${JSON.stringify(enter)}: ${JSON.stringify(validate.sequence.errors)}`)
})

test('each kind of step fits', async (t) => {
	const { dir, validate } = await schemas(t)
	const sequence = readJson(path.join(dir, 'sequences/self-serve-onboarding.json'))
	const split = [{ share: 60, send: 'x' }, { name: 'long', share: 40, send: ['y', 'z'] }]
	const wait = { for: 'A', until: '3d' }
	for (const step of [{ send: 'x', stop: true }, { stop: true, if: 'user.x' },
		{ at: 'user.x', offset: '-14d', send: 'x' }, { day: 1, split }, { after: '2d', split, holdout: 10 },
		{ send: 'x', holdout: 10 }, { send: 'x', to: { members: 'user.seed' } },
		{ send: 'x', to: ['user', 'cs-lead', { members: { all: ['user.seed'] } }] },
		{ wait }, { wait: { ...wait, if: 'event.x', else: 'stop' }, if: 'user.x', window: 'any' },
		{ wait: { ...wait, else: { send: 'x', to: 'cs-lead', stop: true } } },
		{ wait: { ...wait, else: { split, holdout: 5 } } }, { wait: { ...wait, else: { stop: true } } }])
		assert.ok(validate.sequence({ ...sequence, edits: 'pin', steps: [{ id: 'a', ...step }] }),
			`${JSON.stringify(step)}: ${JSON.stringify(validate.sequence.errors)}`)
})

test('each metric over members fits', async (t) => {
	const { validate } = await schemas(t)
	for (const metric of [
		{ share: 'metric.tasks > 0', among: { not: 'user.test' } },
		{ count: { any: ['user.a', 'metric.b > 1'] } }, { count: 'user.id' },
		{ sum: 'metric.tasks' }, { avg: 'metric.tasks | times: 2' },
		{ min: 'user.score', among: 'user.seed' }, { max: 'metric.score' },
		{ count: 'Task Succeeded', window: '7d' }])
		assert.ok(validate.metrics({ metrics: { a: { for: 'account', ...metric } } }),
			JSON.stringify(validate.metrics.errors))
})

test('what is wrong does not fit', async (t) => {
	const { dir, validate } = await schemas(t)
	const sequence = readJson(path.join(dir, 'sequences/self-serve-onboarding.json'))
	const settings = readJson(path.join(dir, 'nudge.json'))
	for (const [name, value] of [
		['sequence', { ...sequence, stebs: [] }], ['sequence', { ...sequence, steps: [] }],
		['sequence', { ...sequence, late: { grace: '24 hours' } }],
		...[{ on: 'A', manual: true }, { metric: 'm' }, { metric: 'm', below: 1, above: 2 },
			{ metric: 'm', below: 1, stagnant: '3d' }, { metric: 'm', below: '1' },
			{ metric: 'm', below: 1, dwell: '0h' }, { metric: 'm', stagnant: '14d', gain: 0 },
			{ missing: 'A', after: 'B' }, { missing: 'A', after: 'B', within: '2d', cooldown: '1d' },
			{ idle: '7d' }, { date: 'trial' }, { date: 'user.x', offset: '+3d' },
			{ manual: true, if: 'x' }].map((enter) => ['sequence', { ...sequence, enter }]),
		['sequence', { ...sequence, edits: 'pinned' }],
		...[{ day: 1, after: '2d', send: 'x' }, { day: 1 }, { send: 'x', choose: [{ send: 'y' }] },
			{ split: [{ share: 100, send: 'x' }] }, { stop: true, holdout: 5 }, { send: 'x', holdout: 101 },
			{ at: 'user.x', day: 1, send: 'x' }, { day: 1, offset: '1d', send: 'x' },
			{ at: 'user.x', offset: '+1d', send: 'x' }, { send: 'x', to: [] }, { send: 'x', to: { member: 'x' } },
			{ wait: { for: 'A' } }, { wait: { for: 'A', until: '0d' } }, { day: 1, wait: { for: 'A', until: '1d' } },
			{ send: 'x', wait: { for: 'A', until: '1d' } }, { wait: { for: 'A', until: '1d', else: 'go' } },
			{ wait: { for: 'A', until: '1d', else: { to: 'user' } } }]
			.map((step) => ['sequence', { ...sequence, steps: [{ id: 'a', ...step }] }]),
		['metrics', { metrics: { tasks: { cuont: 'Task Succeeded' } } }],
		['metrics', { metrics: { 'no spaces': { count: 'E' } } }],
		['metrics', { metrics: { a: { share: 'user.seed' } } }],
		['metrics', { metrics: { a: { for: 'account', min: 'metric.b', window: '7d' } } }],
		['settings', { ...settings, lisden: '127.0.0.1:1' }],
		['settings', { ...settings, channels: { email: { type: 'smtb' } } }],
		['template', { text: 'x' }]])
		assert.equal(validate[name](value), false, JSON.stringify(value).slice(0, 200))
})
