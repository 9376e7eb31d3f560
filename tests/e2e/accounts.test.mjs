// Accounts: what their members make of their metrics, and who is told.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { Analytics } from '@segment/analytics-node'
import { identify, mailing, nudge, track, until, webSink, Worker, workspace, writeJson,
	writeKey } from './lib.mjs'

const metrics = {
	tasks: { count: 'Task Succeeded' },
	score: { latest: 'Adoption Score Updated', of: 'score' },
	coverage: { for: 'account', share: 'metric.tasks > 0', among: 'user.seat' },
	lowest_score: { for: 'account', min: 'metric.score' },
}

// A workspace with these metrics and one sequence only.
const own = (name, sequence, more = () => {}) => (settings, dir) => {
	for (const folder of ['sequences', 'scenarios', 'templates']) {
		fs.rmSync(path.join(dir, folder), { recursive: true, force: true })
		fs.mkdirSync(path.join(dir, folder))
	}
	writeJson(path.join(dir, 'metrics.json'), { metrics })
	if (sequence) writeJson(path.join(dir, `sequences/${name}.json`), sequence)
	more(settings, dir)
}

const member = (id, groupId, traits = { seat: true }) =>
	[{ type: 'group', userId: id, groupId }, identify(id, traits)]
const account = (worker, id) => worker.get(`/v1/accounts/${id}`)

test('a share follows members who come, move and go', async (t) => {
	const worker = await Worker.start(t, await workspace(t, own()))
	const client = new Analytics({ writeKey, host: worker.url, maxRetries: 0 })
	const coverage = async (id) => (await account(worker, id)).metrics.coverage
	const flushed = () => client.flush()

	for (const userId of ['ada', 'bob', 'eve']) {
		client.group({ userId, groupId: 'acme' })
		client.identify({ userId, traits: { seat: userId !== 'eve' } })
	}
	client.track({ userId: 'ada', event: 'Task Succeeded' })
	await flushed()
	assert.equal(await coverage('acme'), 0.5)
	client.identify({ userId: 'eve', traits: { seat: true } }) // `among` flips
	await flushed()
	assert.equal(await coverage('acme'), 1 / 3)
	client.group({ userId: 'ada', groupId: 'initech' })
	await flushed()
	assert.deepEqual([await coverage('acme'), await coverage('initech')], [0, 1])
	client.track({ userId: 'bob', event: 'Task Succeeded' })
	await flushed()
	assert.equal(await coverage('acme'), 0.5)
	assert.equal((await worker.get('/v1/people/eve/forget', {})).forgotten, true)
	assert.equal(await coverage('acme'), 1)
	assert.deepEqual((await account(worker, 'acme')).members, ['bob'])
	assert.deepEqual(await worker.call('/v1/people/eve').then(([status]) => status), 404)
	client.identify({ userId: 'eve', traits: { seat: true } }) // as somebody new
	await flushed()
	assert.equal(await coverage('acme'), 1)
	await client.closeAndFlush()
})

test('the account and its members at a prompt, in pages', async (t) => {
	const dir = await workspace(t, own())
	const worker = await Worker.start(t, dir)
	for (let i = 0; i < 5; i++)
		await worker.events(...member(`u${i}`, 'acme'),
			track(`u${i}`, 'Adoption Score Updated', { score: 50 - i }))
	const page = await nudge(['account', 'acme', '--limit', '3', '-C', dir])
	assert.match(page.stdout, /coverage +0\n[^]*members\n  u0\n  u1\n  u2\n  more: --cursor (\d+)\n$/)
	const cursor = /--cursor (\d+)/.exec(page.stdout)[1]
	const rest = await nudge(['account', 'acme', '--cursor', cursor, '--json', '-C', dir])
	assert.deepEqual(JSON.parse(rest.stdout).members, ['u3', 'u4'])
	const { stdout } = await nudge(['metrics', 'acme', '--account', '-C', dir])
	assert.match(stdout, /^coverage +0 +0 of 5 members$/m)
	assert.match(stdout, /^lowest_score +46 +5 members$/m)
	const [status, problem] = await worker.call('/v1/accounts/acme/forget', {})
	assert.deepEqual([status, problem.detail], [409, 'only people can be forgotten'])
})

test('one alert an account, however many of its members fall', async (t) => {
	const slack = await webSink(t)
	const dir = await workspace(t, own('low', { for: 'account',
		enter: { metric: 'lowest_score', below: 40, rearm: 45 },
		steps: [{ id: 'tell', day: 0, send: 'slack-low', to: 'cs-room' }] },
	(settings, folder) => {
		settings.channels.slack = { type: 'webhook', url: slack.url + '/services/T0' }
		settings.contacts = { ...settings.contacts, 'cs-room': { channel: 'slack' } }
		writeJson(path.join(folder, 'templates/slack-low.json'), { channel: 'slack', body: {
			text: 'Adoption of *{{ account.name }}* fell to {{ metric.lowest_score }}' } })
	}))
	const worker = await Worker.start(t, dir)
	const score = (id, value) => track(id, 'Adoption Score Updated', { score: value })
	const ids = Array.from({ length: 20 }, (_, i) => `u${i}`)

	for (const [groupId, name] of [['acme', 'Acme'], ['initech', 'Initech']])
		await worker.events({ type: 'group', userId: `owner-${groupId}`, groupId,
			traits: { name } })
	await worker.events(...ids.flatMap((id, i) => member(id, i % 2 ? 'initech' : 'acme')))
	await worker.events(...ids.map((id) => score(id, 60)))
	for (let round = 0; round < 5; round++)
		await worker.events(...ids.map((id, i) => score(id, 39 - i % 2 - round)))
	await slack.wait(2)
	await until('all to be sent', async () =>
		(await worker.messages('state=queued')).length === 0)
	assert.deepEqual(slack.requests.map(({ body }) => JSON.parse(body).text).sort(),
		['Adoption of *Acme* fell to 39', 'Adoption of *Initech* fell to 38'])
	// all at or past 45 again: the next fall is news
	await worker.events(...ids.map((id) => score(id, 50)))
	await worker.events(score('u0', 10))
	await slack.wait(3)
	assert.equal(JSON.parse(slack.requests[2].body).text, 'Adoption of *Acme* fell to 10')
	assert.equal((await account(worker, 'acme')).decisions
		.filter(({ what }) => what === 'entered').length, 2)
})

test('each member who is meant gets one mail', async (t) => {
	const { sink, worker } = await mailing(t, { edit: own('news', { for: 'account',
		topic: 'news', enter: { on: 'Contract Signed' },
		steps: [{ id: 'tell', day: 0, send: 'news', to: { members: 'user.seat' } }] },
	(settings, folder) => fs.writeFileSync(path.join(folder, 'templates/news.md'),
		'Subject: News for {{ user.id }} of {{ account.name }}\n\nHello.\n')) })
	const ids = Array.from({ length: 30 }, (_, i) => `u${i}`)

	await worker.events({ type: 'group', userId: 'u0', groupId: 'acme',
		traits: { name: 'Acme' } },
	...ids.flatMap((id, i) => member(id, 'acme',
		{ email: `${id}@example.com`, seat: i % 3 > 0 })),
	...member('other', 'initech', { email: 'other@example.com', seat: true }))
	await worker.events(track('u0', 'Contract Signed'))
	await sink.wait(20)
	await until('all to be sent', async () =>
		(await worker.messages('state=sent')).length === 21)
	const mails = await sink.parsed()
	assert.deepEqual(mails.map(({ subject }) => subject).sort(),
		ids.filter((_, i) => i % 3 > 0).map((id) => `News for ${id} of Acme`).sort())
	const [first] = (await account(worker, 'acme')).messages
	assert.deepEqual([first.channel, first.state, first.reason],
		['members', 'sent', 'went to 20 members'])
})

test('whoever asks for the wrong kind of subject is told which it is', async (t) => {
	const dir = await workspace(t, own())
	const worker = await Worker.start(t, dir)

	await worker.events(...member('ada', 'acme'))
	for (const [args, said] of [
		[['metrics', 'acme'], /there is no user "acme"; the id is an account's/],
		[['account', 'ada'], /there is no account "ada"; the id is a user's/],
		[['person', 'bob'], /there is no user "bob"\n/],
	]) {
		const { code, stderr } = await nudge([...args, '-C', dir])
		assert.notEqual(code, 0)
		assert.match(stderr, said)
	}
})
