// Thirty days on a clock that stands still until it is moved.
import assert from 'node:assert/strict'
import test from 'node:test'
import { identify, mailing, parse, track } from './lib.mjs'

// What came, as [local time, start of the subject] in the person's zone.
async function arrivals(sink, zone) {
	const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone,
		dateStyle: 'short', timeStyle: 'short' })
	const mails = await Promise.all(sink.mails.map(parse))
	return mails.sort((a, b) => a.date - b.date)
		.map((mail) => [format.format(mail.date), mail.subject])
}

async function live(t, { zone, start, events = [], end, traits = {} }) {
	const { sink, worker, dir } = await mailing(t, { clock: start })
	await worker.events(
		identify('ada', { email: 'ada@example.com', plan: 'free', timezone: zone, ...traits }),
		track('ada', 'Signed Up'))
	await worker.moveTo(start)
	for (const [when, event, properties] of events) {
		await worker.moveTo(when)
		await worker.events(event === 'identify' ? identify('ada', properties)
			: track('ada', event, properties))
	}
	await worker.moveTo(end)
	return { sink, worker, dir, came: await arrivals(sink, zone) }
}

const first = 'Welcome. Start with one small task'

test('Berlin: six mails at nine o\'clock, across the change of 29 March', async (t) => {
	const { came } = await live(t, { zone: 'Europe/Berlin',
		start: '2026-03-27T09:00:00Z', end: '2026-05-10T00:00:00Z' })
	assert.deepEqual(came, [
		['2026-03-27 10:00', first],
		['2026-03-30 09:00', 'Your first task can be a very small one'],
		['2026-04-03 09:00', "Don't start from an empty page"],
		['2026-04-10 09:00', 'Maybe it was the wrong job'],
		['2026-04-17 09:00', 'One word is enough'],
		['2026-04-27 09:00', 'Thirty days in: did it work out?'], // a Sunday moves to Monday
	])
})

test('New York: the same across the change of 8 March', async (t) => {
	const { came } = await live(t, { zone: 'America/New_York',
		start: '2026-03-03T03:15:00Z', end: '2026-04-15T00:00:00Z' })
	assert.deepEqual(came.map(([when]) => when), [
		'2026-03-02 22:15', '2026-03-05 09:00', '2026-03-09 09:00',
		'2026-03-16 09:00', '2026-03-23 09:00', '2026-04-01 09:00'])
})

test('who succeeds gets the mails for success, and none that is not needed', async (t) => {
	const { came } = await live(t, { zone: 'Europe/Berlin',
		start: '2026-03-27T09:00:00Z', end: '2026-05-10T00:00:00Z', events: [
			['2026-03-29T13:00:00Z', 'Task Succeeded', { workflow: 'invoices' }],
			['2026-04-08T07:30:00Z', 'Task Succeeded', { workflow: 'reminders' }]] })
	assert.deepEqual(came.map(([, subject]) => subject), [first,
		'It works. Now make it a workflow',
		'Three small things that give better results',
		'A next task, like the one that worked',
		'Who else does this job?',
		'Thirty days in: did it work out?'])
})

test('a first task that failed is answered with another way in', async (t) => {
	const { came } = await live(t, { zone: 'Asia/Tokyo',
		start: '2026-03-02T04:00:00Z', end: '2026-03-08T00:00:00Z', events: [
			['2026-03-03T01:00:00Z', 'Task Started'],
			['2026-03-03T01:05:00Z', 'Task Failed']] })
	assert.deepEqual(came, [['2026-03-02 13:00', first],
		['2026-03-04 08:00', "That task didn't work. Here is another way in"]])
})

for (const event of ['Plan Upgraded', 'Account Deleted', 'Plan Limit Reached'])
	test(`"${event}" ends it`, async (t) => {
		const { came, worker } = await live(t, { zone: 'Europe/London',
			start: '2026-03-02T10:00:00Z', end: '2026-04-15T00:00:00Z',
			events: [['2026-03-06T12:00:00Z', event]] })
		assert.equal(came.length, 2)
		const { decisions } = await worker.person('ada')
		assert.ok(decisions.some((d) => d.what === 'exited' && d.reason.includes(event)),
			JSON.stringify(decisions))
	})

test('a CSM who comes later ends it too', async (t) => {
	const { sink, worker } = await mailing(t, { clock: '2026-03-02T10:00:00Z' })
	await worker.events(identify('fay', { email: 'fay@example.com', plan: 'free' }),
		{ type: 'group', userId: 'fay', groupId: 'initech', traits: { name: 'Initech' } },
		track('fay', 'Signed Up'))
	await worker.moveTo('2026-03-04T00:00:00Z')
	await worker.events({ type: 'group', userId: 'fay', groupId: 'initech',
		traits: { csm: 'gus@acme.example' } })
	await worker.moveTo('2026-04-15T00:00:00Z')
	assert.equal(sink.mails.length, 1)
	const account = await worker.get('/v1/accounts/initech')
	assert.deepEqual(account.members, ['fay'])
})

test('after a word with support there is silence for three days', async (t) => {
	const { came } = await live(t, { zone: 'UTC',
		start: '2026-03-02T10:00:00Z', end: '2026-03-17T00:00:00Z',
		events: [['2026-03-08T18:00:00Z', 'Support Contacted']] })
	assert.deepEqual(came, [['2026-03-02 10:00', first],
		['2026-03-05 09:00', 'Your first task can be a very small one'],
		['2026-03-16 09:00', 'Maybe it was the wrong job']])
})

test('an outage of ten days does not end in a burst', async (t) => {
	const { sink, worker } = await mailing(t, { clock: '2026-03-02T10:00:00Z' })
	await worker.events(identify('ada', { email: 'ada@example.com', plan: 'free' }),
		track('ada', 'Signed Up'))
	await worker.moveTo('2026-03-02T11:00:00Z')
	sink.refuse = (stage) => stage === 'rcpt' ? [450, '4.2.0 try again later'] : null
	await worker.moveTo('2026-03-13T00:00:00Z')
	sink.refuse = () => null
	await worker.moveTo('2026-03-15T00:00:00Z')
	assert.equal(sink.mails.length, 1)
	const states = (await worker.messages()).filter((m) => m.channel === 'email')
		.map((m) => m.state)
	assert.deepEqual(states, ['expired', 'expired', 'sent'])
})

test('two workspaces that live the same decide the same', async (t) => {
	const story = { zone: 'Europe/Berlin', start: '2026-03-27T09:00:00Z',
		end: '2026-04-06T00:00:00Z', events: [['2026-03-29T13:00:00Z', 'Task Started']] }
	const one = await live(t, story), two = await live(t, story)
	const told = async ({ worker }) => (await worker.person('ada')).decisions
	assert.deepEqual(await told(one), await told(two))
	assert.deepEqual(one.came, two.came)
})
