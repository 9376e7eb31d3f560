// Adoption scores every eight minutes, for 10,000 people in 500 accounts: who
// falls below the threshold is told of once an account, however the scores
// jitter, and however often the same batch is sent.
import assert from 'node:assert/strict'
import test from 'node:test'
import { identify, keepSequence, track, webSink, Worker, workspace } from './lib.mjs'

const PEOPLE = 10000, ACCOUNTS = 500, BATCH = 500, ROUNDS = 6
const MINUTE = 60000, start = Date.parse('2026-03-02T10:00:00Z')
const at = (round) => new Date(start + round * 8 * MINUTE).toISOString()
const people = [...Array(PEOPLE).keys()]
const sick = (account) => account % 100 === 7 // five accounts

const account = (i) => [
	{ type: 'group', userId: `u${i}`, groupId: `a${i % ACCOUNTS}`, timestamp: at(0), traits:
		{ name: `Account ${i % ACCOUNTS}`, csm: 'gus@acme.example' } },
	identify(`u${i}`, { seed: true }, { timestamp: at(0) }),
]

// Healthy ones around 60. In a sick account scores go down from round 3 on, and
// up and down around 40 then: for some members more often than for others.
const score = (i, round) => {
	const jitter = (i * 31 + round * 17) % 7 - 3
	return !sick(i % ACCOUNTS) || round < 3 ? 60 + jitter : 41 + jitter
}

async function send(worker, events) {
	for (let from = 0; from < events.length; from += BATCH)
		await worker.events(...events.slice(from, from + BATCH))
}

test('one alert an account', async (t) => {
	const slack = await webSink(t, () => ({ status: 200, body: 'ok' }))
	const dir = await workspace(t, (settings, folder) => {
		settings.channels.slack = { type: 'webhook', url: slack.url }
		keepSequence(folder, 'adoption-low')
	})
	const worker = await Worker.start(t, dir, { clock: at(0) })

	await send(worker, people.flatMap(account))
	for (let round = 0; round < ROUNDS; round++) {
		const scores = people.map((i) => track(`u${i}`, 'Adoption Score Updated',
			{ score: score(i, round) }, { timestamp: at(round), messageId: `${i}-${round}` }))
		await worker.moveTo(at(round))
		await send(worker, scores)
		if (round === 4) await send(worker, scores) // as a client that saw no answer does
	}
	await worker.moveTo(at(ROUNDS + 2))
	const texts = slack.requests.map((request) => JSON.parse(request.body).text)
	assert.deepEqual(texts.map((text) => /Account \d+/.exec(text)[0]).sort(),
		[...Array(ACCOUNTS).keys()].filter(sick).map((id) => `Account ${id}`).sort())
	for (const text of texts) assert.match(text, /fell to 3[89], below 40/)
	const { metrics } = await worker.get('/v1/accounts/a7')
	const members = people.filter((i) => i % ACCOUNTS === 7).map((i) => score(i, ROUNDS - 1))
	assert.equal(metrics.lowest_score, Math.min(...members))
	assert.equal(metrics.average_score, members.reduce((a, b) => a + b) / members.length)
})
