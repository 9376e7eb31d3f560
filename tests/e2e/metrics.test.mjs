// Metrics of people who were there before, while the worker runs.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { identify, nudge, track, until, Worker, workspace, writeJson } from './lib.mjs'

const put = (dir, file, value) => writeJson(path.join(dir, file), value)
const done = /done: (\d+) people, (\d+) accounts/

// A workspace whose only definitions are these metrics and sequences.
const own = (metrics, sequences = {}) => (settings, dir) => {
	for (const folder of ['sequences', 'scenarios', 'templates']) {
		fs.rmSync(path.join(dir, folder), { recursive: true, force: true })
		fs.mkdirSync(path.join(dir, folder))
	}
	put(dir, 'metrics.json', { metrics })
	for (const [name, sequence] of Object.entries(sequences))
		put(dir, `sequences/${name}.json`, sequence)
	fs.writeFileSync(path.join(dir, 'templates/note.md'), 'Subject: Note\n\nHello.\n')
}

const reload = async (worker, expected = /new definitions are in force/) => {
	const from = worker.log.length
	worker.child.kill('SIGHUP')
	await until('the reload', () => expected.test(worker.log.slice(from)))
}

const values = async (worker, id, kind = 'people') => {
	const { metrics } = await worker.get(`/v1/${kind}/${id}/metrics`)
	return Object.fromEntries(metrics.map(({ name, value }) => [name, value]))
}

test('a changed metric is worked out of what was before, and nothing fires for it', async (t) => {
	const tasks = { count: 'Task Succeeded' }
	const dir = await workspace(t, own({ tasks }))
	const worker = await Worker.start(t, dir)
	for (const id of ['ada', 'bob'])
		await worker.events(identify(id, { email: `${id}@example.com` }),
			...[1, 2, 3].map((minutes) => track(id, 'Task Succeeded', { minutes })))
	assert.deepEqual(await values(worker, 'ada'), { tasks: 3 })

	put(dir, 'metrics.json', { metrics: { tasks,
		long: { count: 'Task Succeeded', if: 'event.minutes > 1' },
		minutes: { sum: 'Task Succeeded', of: 'minutes' } } })
	put(dir, 'sequences/busy.json', { for: 'user',
		enter: { metric: 'minutes', above: 5, rearm: 5 },
		steps: [{ id: 'note', day: 0, send: 'note' }] })
	await reload(worker)
	assert.deepEqual(await values(worker, 'ada'), { tasks: 3, long: 2, minutes: 6 })
	await until('the sweep', () => done.test(worker.log))
	assert.deepEqual(await values(worker, 'bob'), { tasks: 3, long: 2, minutes: 6 })
	await worker.events(track('bob', 'Task Succeeded', { minutes: 9 }))
	assert.deepEqual(await worker.messages(), [])
	await worker.events(identify('eve', { email: 'eve@example.com' }),
		track('eve', 'Task Succeeded', { minutes: 9 }))
	assert.equal((await worker.messages()).length, 1)

	const { code, stdout } = await nudge(['metrics', 'ada', '-C', dir])
	assert.equal(code, 0)
	assert.match(stdout, /^minutes +6 +3 events Task Succeeded\n +\{"of":"minutes","sum"/m)
})

test('a mistake changes nothing; the same again is nothing new', async (t) => {
	const dir = await workspace(t, own({ tasks: { count: 'Task Succeeded' } }))
	const worker = await Worker.start(t, dir)
	await worker.events(track('ada', 'Task Succeeded'))
	put(dir, 'metrics.json', { metrics: { tasks: { cuont: 'Task Succeeded' } } })
	await reload(worker, /have mistakes/)
	await worker.events(track('ada', 'Task Succeeded'))
	assert.deepEqual(await values(worker, 'ada'), { tasks: 2 })
	put(dir, 'metrics.json', { metrics: { tasks: { count: 'Task Succeeded' } } })
	await reload(worker)
	await worker.stop()
	const again = await Worker.start(t, dir)
	assert.deepEqual(await values(again, 'ada'), { tasks: 2 })
	assert.doesNotMatch(worker.log + again.log, /up to date/)
})

test('definitions that change between two runs are noticed at the start', async (t) => {
	const dir = await workspace(t, own({}))
	const worker = await Worker.start(t, dir)
	await worker.events(track('ada', 'A'), track('bob', 'A'))
	await worker.stop()
	put(dir, 'metrics.json', { metrics: { as: { count: 'A' } } })
	// ... by a command, too: it looks at one, and leaves the rest to the worker
	const shown = await nudge(['metrics', 'ada', '--json', '-C', dir])
	assert.equal(JSON.parse(shown.stdout).metrics[0].value, 1)
	const again = await Worker.start(t, dir)
	await until('the sweep', () => done.test(again.log))
	assert.deepEqual(await values(again, 'ada'), { as: 1 })
	assert.deepEqual(await values(again, 'bob'), { as: 1 })
})

test('while everybody is looked at, requests are answered and a signal is heard', async (t) => {
	const people = 12000
	const dir = await workspace(t, own({}))
	const worker = await Worker.start(t, dir)
	for (let from = 0; from < people; from += 1000)
		await worker.events(...Array.from({ length: 1000 }, (_, i) => track(`u${from + i}`, 'A')))
	put(dir, 'metrics.json', { metrics: { as: { count: 'A' } } })
	await reload(worker)
	assert.deepEqual(await values(worker, `u${people - 1}`), { as: 1 })
	assert.equal((await worker.stop()).code, 0)
	assert.doesNotMatch(worker.log, done)
	const again = await Worker.start(t, dir)
	await until('the sweep', () => done.exec(again.log)?.[1] === `${people}`)
})

test('kill -9 on the way through some thousand people: it goes on, each once', async (t) => {
	const people = 6000, each = 2, accounts = 10
	const dir = await workspace(t, own({}))
	let worker = await Worker.start(t, dir)
	for (let from = 0; from < people; from += 100) {
		const batch = []
		for (let i = from; i < from + 100; i++)
			batch.push({ type: 'group', userId: `u${i}`, groupId: `g${i % accounts}` },
				track(`u${i}`, 'Task Succeeded', { n: 1 }),
				track(`u${i}`, 'Task Succeeded', { n: i }))
		await worker.events(...batch)
	}
	put(dir, 'metrics.json', { metrics: { tasks: { count: 'Task Succeeded' },
		all: { for: 'account', count: 'Task Succeeded' },
		share: { for: 'account', share: 'metric.tasks > 1' },
		most: { for: 'account', max: 'metric.top' },
		top: { max: 'Task Succeeded', of: 'n' } } })
	await reload(worker)
	let kills = 0
	for (; kills < 2 && !done.test(worker.log); kills++) {
		await worker.kill('SIGKILL')
		worker = await Worker.start(t, dir)
		// what comes meanwhile counts as well
		await worker.events(track(`u${kills}`, 'Task Succeeded', { n: 1 }))
	}
	assert.ok(kills > 0, 'too fast to be killed on the way')
	const [, users, groups] = await until('the sweep', () => done.exec(worker.log))
	assert.deepEqual([+users, +groups], [people, accounts])
	for (let g = 0; g < accounts; g++)
		assert.deepEqual(await values(worker, `g${g}`, 'accounts'), { share: 1,
			all: each * people / accounts + (g < kills ? 1 : 0), most: people - accounts + g })
	for (const i of [0, 1, 2, people - 1])
		assert.deepEqual(await values(worker, `u${i}`),
			{ tasks: each + (i < kills ? 1 : 0), top: Math.max(i, 1) })
})
