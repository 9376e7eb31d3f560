// The page where readers say what they get.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { identify, keepSequence, mailing, nudge, parse, readJson, track, until, workspace,
	writeJson } from './lib.mjs'

// Somebody has the first mail of the onboarding: where are its links?
async function mailed(t, edit = () => {}) {
	const all = await mailing(t, { clock: '2026-03-02T10:00:00Z', edit: (settings, dir) => {
		keepSequence(dir, 'self-serve-onboarding')
		settings.topics = { onboarding: { title: 'Getting <started>',
			description: '"Six" mails & more' } }
		edit(settings, dir)
	} })
	await all.worker.events(identify('ada', { email: 'Ada@Example.com', plan: 'free' }),
		track('ada', 'Signed Up'))
	const [mail] = await all.sink.wait(1)
	const { html, text, headers } = await parse(mail)
	const [link] = /http:[^"]+\/p\/[\w-]+/.exec(html)
	assert.ok(text.includes(`Choose what you get: ${link}\n`))
	assert.equal(headers.get('list').unsubscribe.url, link.replace('/p/', '/u/'))
	return { ...all, link: new URL(link).pathname }
}

const all = ['milestones', 'onboarding', 'review', 'tips']

// The topics on a page in their order, those that are ticked, and what it says.
function read(page) {
	const boxes = [...page.matchAll(/<input type="checkbox" name="topic" value="(.*?)"(.*?)>/g)]
	return { page, topics: boxes.map(([, topic]) => topic),
		ticked: boxes.filter(([, , how]) => / checked/.test(how)).map(([, topic]) => topic).sort(),
		said: /role="status">(.*?)</.exec(page)?.[1] }
}

async function show({ worker, link }) {
	const reply = await worker.fetch(link)
	assert.equal(reply.status, 200)
	return read(await reply.text())
}

async function post({ worker, link }, ...fields) {
	const reply = await worker.fetch(link, { method: 'POST', redirect: 'manual',
		body: new URLSearchParams([['save', '1'], ...fields]) })
	assert.equal(reply.status, 200)
	return read(await reply.text())
}

const save = (where, ...topics) => post(where, ...topics.map((topic) => ['topic', topic]))
const leaveAll = (where) => post(where, ['all', '1'])

async function decisions({ worker }) {
	const person = await worker.person('ada')
	return person.decisions.filter(({ what }) => /subscribed$/.test(what))
		.map(({ what, reason }) => `${what}: ${reason}`).reverse()
}

// How many mails there are when the next one was due.
async function goOn({ worker, sink }) {
	await worker.moveTo('2026-03-06T00:00:00Z')
	return sink.mails.length
}

test('all topics, that of the mail first, with their titles', async (t) => {
	const { page, topics, ticked } = await show(await mailed(t))
	assert.deepEqual(topics, ['onboarding', 'milestones', 'review', 'tips'])
	assert.deepEqual(ticked, all)
	assert.match(page, /<b>Getting &lt;started&gt;<\/b><small>&quot;Six&quot; mails &amp; more</)
	assert.match(page, /<b>Milestones<\/b><\/span>/)
	assert.match(page, /Your mail from Acme/)
	assert.match(page, /A\*\*\*@Example\.com/)
	assert.doesNotMatch(page, /ada@/i)
	assert.match(page, /^<!doctype html>\n<html lang="en">/)
	assert.doesNotMatch(page, /<script|http:|https:/)
})

test('looking changes nothing', async (t) => {
	const here = await mailed(t)
	for (const method of ['GET', 'HEAD', 'GET']) {
		const reply = await here.worker.fetch(here.link + '?all=1&topic=tips', { method })
		assert.equal(reply.status, 200)
		assert.equal(reply.headers.get('cache-control'), 'no-store')
		assert.match(reply.headers.get('content-security-policy'),
			/^default-src 'none'; style-src 'unsafe-inline'; form-action 'self'/)
	}
	for (const method of ['PUT', 'DELETE'])
		assert.equal((await here.worker.fetch(here.link, { method })).status, 405)
	assert.deepEqual((await show(here)).ticked, all)
	assert.deepEqual(await decisions(here), [])
	assert.equal(await goOn(here), 2)
})

test('what is not ticked is not sent', async (t) => {
	const here = await mailed(t)
	for (let i = 0; i < 2; i++) {
		const { ticked, said } = await save(here, 'milestones', 'tips')
		assert.deepEqual(ticked, ['milestones', 'tips'])
		assert.match(said, /^Saved/)
	}
	assert.deepEqual((await show(here)).ticked, ['milestones', 'tips'])
	assert.deepEqual(await decisions(here), ['unsubscribed: onboarding, by a link in a mail',
		'unsubscribed: review, by a link in a mail'])
	assert.equal(await goOn(here), 1)
	const [next] = await here.worker.messages()
	assert.equal(next.reason, 'suppressed: unsubscribed')
})

test('what is ticked again is sent again', async (t) => {
	const here = await mailed(t)
	await save(here, 'tips')
	assert.deepEqual((await save(here, ...all)).ticked, all)
	assert.equal((await decisions(here)).at(-1), 'subscribed: review, by a link in a mail')
	assert.equal(await goOn(here), 2)
})

test('who left by the other link comes back by this one', async (t) => {
	const here = await mailed(t)
	const other = here.link.replace('/p/', '/u/')
	for (const options of [{}, { method: 'POST' }]) {
		const page = await (await here.worker.fetch(other, options)).text()
		assert.match(page, /<b>Getting &lt;started&gt;<\/b>/)
		const [, link] = /<a href="(.*?)"/.exec(page)
		assert.equal(new URL(link, 'http://x' + other).pathname, here.link)
	}
	assert.deepEqual((await show(here)).ticked, ['milestones', 'review', 'tips'])
	assert.deepEqual(await decisions(here), ['unsubscribed: onboarding, by a link in a mail'])
	await save(here, ...all)
	assert.equal(await goOn(here), 2)
})

test('everything, and some of it back', async (t) => {
	const here = await mailed(t)
	for (let i = 0; i < 2; i++) {
		const { ticked, said, page } = await leaveAll(here)
		assert.deepEqual(ticked, [])
		assert.equal(said, 'Saved. You are unsubscribed from all mail from Acme. ' +
			'Tick what you want to get again.')
		assert.doesNotMatch(page, /name="all"/)
	}
	assert.deepEqual(await decisions(here), ['unsubscribed: all topics, by a link in a mail'])
	assert.deepEqual((await save(here, 'onboarding')).ticked, ['onboarding'])
	assert.deepEqual((await show(here)).ticked, ['onboarding'])
	assert.equal(await goOn(here), 2)
})

test('everything means every mail', async (t) => {
	const here = await mailed(t)
	await leaveAll(here)
	assert.equal(await goOn(here), 1)
})

test('an operator puts an end to one topic', async (t) => {
	const here = await mailed(t)
	await here.worker.get('/v1/people/ada/suppress', { topic: 'onboarding' })
	const { page, ticked } = await save(here, ...all)
	assert.deepEqual(ticked, ['milestones', 'review', 'tips'])
	assert.match(page, /value="onboarding" disabled>/)
	assert.match(page, /write to <a href="mailto:hello@acme.example">/)
	assert.equal(await goOn(here), 1)
})

test('a dead address stays dead', async (t) => {
	const here = await mailed(t)
	here.sink.refuse = (stage) => stage === 'rcpt' && [550, '5.1.1 nobody here']
	await here.worker.moveTo('2026-03-06T00:00:00Z')
	here.sink.refuse = () => null
	for (const act of [show, (where) => save(where, ...all), leaveAll, show]) {
		const { page, topics } = await act(here)
		assert.deepEqual(topics, [])
		assert.match(page, /This address gets no mail from Acme/)
		assert.match(page, /write to <a href="mailto:hello@acme.example">/)
	}
	await here.worker.moveTo('2026-03-10T00:00:00Z')
	assert.equal(here.sink.mails.length, 1)
})

test('only its own form is taken', async (t) => {
	const here = await mailed(t)
	const form = new FormData()
	form.set('topic', 'tips')
	for (const body of [undefined, 'all=1', form, '{"all":true}']) {
		const reply = await here.worker.fetch(here.link, { method: 'POST', body })
		assert.equal(reply.status, 415)
	}
	await save(here, ...all, 'nothing-like-it', '<b>', 'a'.repeat(5000))
	assert.deepEqual((await show(here)).ticked, all)
	assert.equal(await goOn(here), 2)
})

test('a link that is not ours', async (t) => {
	const here = await mailed(t)
	const last = here.link.at(-1) === 'A' ? 'B' : 'A'
	for (const link of ['/p/', '/p/x', here.link.slice(0, -1), here.link.slice(0, -1) + last,
		'/p/' + 'A'.repeat(3000)])
		for (const method of ['GET', 'POST'])
			assert.equal((await here.worker.fetch(link, { method })).status, 404, link)
	assert.equal(await goOn(here), 2)
})

test('the links of a preview say that they are', async (t) => {
	const { worker, dir } = await mailed(t)
	const { stdout } = await nudge(['preview', 'day-00-welcome', '--json', '-C', dir])
	const links = [...JSON.parse(stdout).html.matchAll(/href="http:\/\/[^/"]+(\/[up]\/.*?)"/g)]
		.map(([, link]) => link)
	assert.deepEqual(links, ['/u/preview', '/p/preview'])
	for (const link of links)
		for (const method of ['GET', 'POST']) {
			const reply = await worker.fetch(link, { method })
			assert.equal(reply.status, 200)
			assert.match(await reply.text(), /This is a preview/)
		}
})

test('topics are those of the workspace as it is now', async (t) => {
	const here = await mailed(t)
	await save(here, 'onboarding')
	for (const name of ['adoption-low', 'first-task', 'next-workflow'])
		fs.rmSync(path.join(here.dir, `templates/in-app-${name}.json`))
	fs.writeFileSync(path.join(here.dir, 'templates/news.md'),
		'Subject: News\nTopic: product-news\nLayout: none\n\n[Stop]({{ unsubscribe_url }})\n')
	const { page, topics, ticked } = await until('the new topic', async () => {
		const shown = await show(here)
		return shown.topics.includes('product-news') && shown
	})
	assert.ok(!topics.includes('tips'))
	assert.match(page, /<b>Product news<\/b>/)
	assert.deepEqual(ticked, ['onboarding', 'product-news'])
})

test('titles are checked', async (t) => {
	const dir = await workspace(t)
	const file = path.join(dir, 'nudge.json')
	const settings = readJson(file)
	const check = async (topics) => {
		writeJson(file, { ...settings, topics })
		const { stdout } = await nudge(['check', '--json', '-C', dir])
		return JSON.parse(stdout).map(({ level, pointer, rule, text }) =>
			[level, pointer, rule, text])
	}
	assert.deepEqual(await check({ onboarding: { title: 'x' }, tips: {} }), [])
	assert.deepEqual(await check({ onbording: { title: 'x' } }), [['warning',
		'/topics/onbording', 'unknown-name', 'no topic of a template or sequence is called ' +
		'"onbording"; did you mean "onboarding"?']])
	for (const wrong of ['x', { title: 1 }, { titel: 'x' }])
		assert.deepEqual(await check({ tips: wrong }), [['error', '/topics/tips', '',
			'{"title": "...", "description": "..."} is expected']])
})
