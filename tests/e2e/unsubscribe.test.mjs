// One-click unsubscribe, RFC 8058.
import assert from 'node:assert/strict'
import test from 'node:test'
import { identify, mailing, parse, track } from './lib.mjs'

// Somebody has the first mail: where is its link?
async function mailed(t) {
	const all = await mailing(t, { clock: '2026-03-02T10:00:00Z' })
	await all.worker.events(identify('ada', { email: 'Ada@Example.com', plan: 'free' }),
		track('ada', 'Signed Up'))
	const [mail] = await all.sink.wait(1)
	const { unsubscribe } = (await parse(mail)).headers.get('list')
	return { ...all, link: new URL(unsubscribe.url).pathname }
}

async function goOn({ worker, sink }) {
	await worker.moveTo('2026-03-06T00:00:00Z')
	return sink.mails.length
}

test('looking at the page changes nothing', async (t) => {
	const all = await mailed(t)
	for (const method of ['GET', 'HEAD', 'GET']) {
		const reply = await all.worker.fetch(all.link, { method })
		assert.equal(reply.status, 200)
		assert.match(reply.headers.get('content-type'), /^text\/html/)
		const page = await reply.text()
		if (method === 'GET') assert.match(page, /<form method="post"/)
	}
	assert.equal(await goOn(all), 2)
})

const form = new FormData()
form.set('List-Unsubscribe', 'One-Click')
const ways = { 'a form': new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }),
	'multipart': form, 'nothing in it': undefined }

for (const [name, body] of Object.entries(ways))
	test(`a POST with ${name} unsubscribes, again and again`, async (t) => {
		const all = await mailed(t)
		for (let i = 0; i < 2; i++) {
			const reply = await all.worker.fetch(all.link, { method: 'POST', body,
				redirect: 'manual' })
			assert.equal(reply.status, 200)
		}
		assert.equal(await goOn(all), 1)
		const [next] = await all.worker.messages()
		assert.equal(next.state, 'skipped')
		assert.match(next.reason, /unsubscribed/)
		const { decisions } = await all.worker.person('ada')
		assert.ok(decisions.some((d) => d.what === 'skipped' && /unsubscribed/.test(d.reason)))
	})

test('who unsubscribed stays so under another id with the same address', async (t) => {
	const all = await mailed(t)
	await all.worker.fetch(all.link, { method: 'POST' })
	await all.worker.events(identify('ada-2', { email: 'ada@example.com' }),
		track('ada-2', 'Signed Up'))
	await all.worker.moveTo('2026-03-02T10:00:00Z')
	assert.equal(all.sink.mails.length, 1)
})

test('a link that is not ours does nothing', async (t) => {
	const all = await mailed(t)
	const last = all.link.at(-1) === 'A' ? 'B' : 'A'
	for (const link of ['/u/', '/u/x', all.link.slice(0, -1), all.link.slice(0, -1) + last,
		all.link + 'A', '/u/' + 'A'.repeat(3000)])
		for (const method of ['GET', 'POST'])
			assert.equal((await all.worker.fetch(link, { method })).status, 404, link)
	assert.equal(await goOn(all), 2)
})
