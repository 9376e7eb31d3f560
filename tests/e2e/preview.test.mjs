// What a template looks like, before anybody gets it.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import test from 'node:test'
import { chromium } from 'playwright-core'
import { identify, keepSequence, mailing, nudge, track, workspace } from './lib.mjs'

const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
	.find((file) => fs.existsSync(file))

const write = (dir, name, text) => fs.writeFileSync(path.join(dir, 'templates', name), text)

async function shown(dir, ...args) {
	const { code, stdout, stderr } = await nudge(['preview', '-C', dir, ...args])
	assert.equal(code, 0, stderr)
	return stdout
}

async function refused(dir, ...args) {
	const { code, stdout, stderr } = await nudge(['preview', '-C', dir, ...args])
	assert.equal(stdout, '')
	return [code, stderr]
}

test('with all that the template asks for, and with nothing', async (t) => {
	const dir = await workspace(t)
	write(dir, 'x.md', 'Subject: {{ user.first_name | default: "You" }}, ' +
		'{{ event.workflow | default: "it" }} runs\n\n{{ metric.last_task_at | date: "%Y" }}' +
		'{% if user.company %} at {{ user.company }}{% endif %} {{ data.note }}\n')
	assert.match(await shown(dir, 'x'),
		/^Subject: +Ada, invoices runs\nPreheader: \n\n2026 at Initech \[note\]\n/)
	assert.deepEqual(await refused(dir, 'x', '--bare'), [65, 'nudge: the message would be ' +
		'held: templates/x.md:3:4: metric.last_task_at has no value (give it one with ' +
		'`| default: ...`)\n'])
	const bare = await shown(dir, 'day-00-welcome', '--bare')
	assert.match(bare, /^Subject: +Welcome\. Start/)
	assert.match(bare, /^Hi there,$/m)
	assert.equal((await refused(dir, 'x', '--bare', '--person', 'ada'))[0], 64)
})

test('in each language', async (t) => {
	const dir = await workspace(t)
	write(dir, 'x.md', 'Subject: Hello\n\n{{ "2026-03-01" | date: "%B" }}\n')
	write(dir, 'x.de.md', 'Subject: Hallo\n\n{{ "2026-03-01" | date: "%B" }}\n')
	assert.match(await shown(dir, 'x'), /Hello\n.*\nAlso in: +de\n\nMarch\n/)
	assert.match(await shown(dir, 'x', '--locale', 'de-AT'),
		/Hallo\n.*\nAlso in: +no locale\n\nMärz\n/)
	assert.equal(JSON.parse(await shown(dir, 'x', '--locale', 'de', '--json')).locale, 'de')
})

const dated = 'Subject: x\n\n{{ user.starts_at | date: "%A, %R" }}, {{ 1234.5 | number }}, ' +
	'{{ now | date: "%z" }}, {{ entry.entered_at | date: "%z" }}\n'

test('in the language of the mail, or else of who gets it', async (t) => {
	const dir = await workspace(t)
	const text = dated.replace('user.starts_at', '"2026-04-02T22:30:00Z"')
	write(dir, 'x.md', text)
	write(dir, 'y.md', text)
	write(dir, 'y.de.md', text)
	const english = /^Thursday, 22:30, 1,234\.5, \+0000, \+0000$/m
	const german = /^Donnerstag, 22:30, 1\.234,5,/m
	assert.match(await shown(dir, 'x', '--locale', 'de'), german)
	assert.match(await shown(dir, 'x', '--locale', 'de', '--set', 'locale=en'), english)
	assert.match(await shown(dir, 'y'), english)
	assert.match(await shown(dir, 'y', '--locale', 'de'), german)
	assert.match(await shown(dir, 'y', '--locale', 'de-CH'), /^Donnerstag, 22:30, 1’234\.5,/m)
	assert.match(await shown(dir, 'x', '--set', 'locale=de'), german)
})

// To the same person once by the worker and once by hand: nothing differs.
test('what is shown is what is sent', async (t) => {
	const { dir, sink, worker } = await mailing(t, { edit: (settings, folder) => {
		keepSequence(folder, 'self-serve-onboarding')
		write(folder, 'day-00-welcome.md', dated)
	} })
	await worker.events(identify('aiko', { email: 'aiko@example.com', plan: 'free',
		timezone: 'Asia/Tokyo', locale: 'de-DE', starts_at: '2026-04-02T22:30:00Z' }),
	track('aiko', 'Signed Up'))
	const expected = /^Freitag, 07:30, 1\.234,5, \+0900, \+0900$/m
	assert.match((await sink.wait(1))[0].raw.toString().replaceAll('\r', ''), expected)
	assert.match(await shown(dir, 'day-00-welcome', '--person', 'aiko'), expected)
	await shown(dir, 'day-00-welcome', '--person', 'aiko', '--send-to', 'me@example.com')
	assert.match((await sink.wait(2))[1].raw.toString().replaceAll('\r', ''), expected)
})

test('as a real person gets it, with the account', async (t) => {
	const { dir, worker } = await mailing(t, { edit: (settings, folder) => {
		keepSequence(folder, 'self-serve-onboarding')
		write(folder, 'x.md', 'Subject: x\n\n{{ user.first_name }}, {{ account.name }}, ' +
			'{{ metric.tasks }}, {{ account.seats }}\n')
	} })
	await worker.events(identify('zoe', { first_name: 'Zoë', email: 'zoe@example.com' }),
		{ type: 'group', userId: 'zoe', groupId: 'umbrella',
			traits: { name: 'Umbrella', seats: 7 } },
		track('zoe', 'Task Succeeded'))
	assert.match(await shown(dir, 'x', '--person', 'zoe'), /^Zoë, Umbrella, 1, 7$/m)
	assert.equal((await refused(dir, 'x', '--person', 'nobody'))[0], 67)
})

test('what cannot be loaded is not shown; secrets are not needed', async (t) => {
	const dir = await workspace(t, (settings) => {
		settings.channels.email = { type: 'smtp', host: 'localhost', password: '$NOT_HERE' }
	})
	const { code, stderr } = await nudge(['preview', 'day-00-welcome', '-C', dir])
	assert.equal(code, 0)
	assert.match(stderr, /NOT_HERE/)
	assert.equal((await refused(dir, 'day-00-welcome', '--send-to', 'me@acme.example'))[0], 78)
	write(dir, 'x.md', 'Subject: x\n\n{% if %}\n')
	const [broken, why] = await refused(dir, 'x')
	assert.equal(broken, 78)
	assert.match(why, /templates\/x\.md:3/)
})

/* ------------------------------------------------------------------ one page */

// A server that must not be asked for anything.
async function tracker(t) {
	const asked = []
	const server = http.createServer((request, response) => {
		asked.push(request.url)
		response.end()
	})
	await new Promise((done) => server.listen(0, '127.0.0.1', done))
	t.after(() => { server.closeAllConnections(); server.close() })
	return { asked, url: `http://127.0.0.1:${server.address().port}` }
}

test('--open: phone and desktop, light and dark, and the text', { skip: !browser &&
	'there is no Chromium' }, async (t) => {
	const dir = await workspace(t)
	const { asked, url } = await tracker(t)
	const evil = '</title><script>window.evil = 1</script> & "q" 😀'
	write(dir, 'x.md', `Subject: ${evil}\nPreheader: <b>\nTopic: onboarding\n\n` +
		`Hi {{ user.first_name | default: "there" }}\n\n![An image](${url}/x.png)\n\n` +
		`<script>parent.evil = 2</script>\n\n**[Go](${url}/go)**\n`)
	write(dir, 'x.de.md', 'Subject: Hallo\nLayout: none\n\n{{ user.company }}\n')
	const file = (await shown(dir, 'x', '--open')).trimEnd()
	assert.equal(file, path.join(dir, 'data/preview/x.html'))

	const chrome = await chromium.launch({ executablePath: browser, args: ['--no-sandbox'] })
	t.after(() => chrome.close())
	const page = await chrome.newPage({ viewport: { width: 1480, height: 1800 } })
	await page.goto(`file://${file}`)
	assert.equal(await page.evaluate(() => window.evil), undefined)
	assert.equal(await page.locator('.row b').nth(1).textContent(), evil)
	assert.equal(await page.locator('.row i').first().textContent(), '<b>')
	assert.deepEqual(await page.locator('h2').allTextContents(), [
		'Everything known templates/x.md', 'Only the address known templates/x.md',
		'Everything known templates/x.de.md', 'Only the address known templates/x.de.md'])
	assert.match(await page.locator('.error').textContent(), /user\.company has no value/)
	assert.match(await page.locator('pre').first().textContent(), /^Hi Ada\n/)

	const frames = page.locator('section').first().locator('iframe')
	assert.equal(await frames.count(), 4)
	const seen = []
	for (let i = 0; i < 4; i++) {
		const frame = await (await frames.nth(i).elementHandle()).contentFrame()
		seen.push(await frame.evaluate(() => [document.documentElement.clientWidth,
			getComputedStyle(document.body).backgroundColor, document.compatMode,
			document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth]))
		await frame.getByText('Go', { exact: true }).click()
	}
	const [light, dark] = ['rgb(243, 245, 248)', 'rgb(20, 23, 27)']
	assert.deepEqual(seen, [[375, light], [375, dark], [660, light], [660, dark]]
		.map((frame) => [...frame, 'CSS1Compat', false]))
	assert.equal(chrome.contexts()[0].pages().length, 1)
	assert.deepEqual(asked, [])

	// Something is painted: a phone in the dark is mostly dark.
	const picture = await frames.nth(1).screenshot()
	const share = await page.evaluate(async (base64) => {
		const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
		const image = await createImageBitmap(new Blob([bytes]))
		const canvas = new OffscreenCanvas(image.width, image.height)
		const context = canvas.getContext('2d')
		context.drawImage(image, 0, 0)
		const { data } = context.getImageData(0, 0, image.width, image.height)
		let darkOnes = 0
		for (let i = 0; i < data.length; i += 4) darkOnes += data[i] < 60
		return darkOnes * 4 / data.length
	}, picture.toString('base64'))
	assert.ok(share > 0.7 && share < 0.99, `${share} of it is dark`)
})

/* ----------------------------------------------------------------- --send-to */

test('--send-to: the mail as people get it, past the queue', async (t) => {
	const { dir, sink, worker } = await mailing(t)
	const told = await shown(dir, 'day-00-welcome', '--send-to', 'me@acme.example')
	assert.match(told, /^sent to me@acme\.example: .*\n$/)
	assert.deepEqual(sink.mails[0].to, ['me@acme.example'])
	assert.equal(sink.mails[0].from, 'hello@acme.example')
	const [mail] = await sink.parsed()
	assert.equal(mail.subject, 'Welcome, Ada. Start with one small task')
	assert.equal(mail.from.text, '"Acme" <hello@acme.example>')
	const leave = `${worker.url.replace(/:\d+$/, ':8460')}/u/preview`
	assert.equal(mail.headers.get('list').unsubscribe.url, leave)
	assert.ok(mail.html.includes(`href="${leave}"`))
	assert.deepEqual(await worker.messages(), [])
	await shown(dir, 'day-00-welcome', '--bare', '--send-to', 'me@acme.example')
	assert.match((await sink.parsed())[1].text, /^Hi there,/)
	await worker.stop()
	await shown(dir, 'day-00-welcome', '--send-to', 'me@acme.example')
	assert.equal(new Set((await sink.parsed()).map((m) => m.messageId)).size, 3)
})

test('--send-to: captured where mail is captured', async (t) => {
	const dir = await workspace(t)
	assert.match(await shown(dir, 'day-00-welcome', '--send-to', 'me@acme.example'), /captured/)
	const [name] = fs.readdirSync(path.join(dir, 'data/outbox'))
	assert.match(fs.readFileSync(path.join(dir, 'data/outbox', name), 'utf8'),
		/^To: <me@acme\.example>\r$/m)
})

test('--send-to: not to those who must not be mailed', async (t) => {
	const { dir, sink, worker } = await mailing(t, { edit: (settings) => {
		settings.sandbox = { only: ['*@acme.example'] }
	} })
	const send = (to, name = 'day-00-welcome') => refused(dir, name, '--send-to', to)
	assert.deepEqual(await send('me@else.example'), [77, 'nudge: sandbox: the address is ' +
		'not among those that are mailed\n'])
	await worker.events(identify('ada', { email: 'ada@acme.example' }))
	await worker.get('/v1/people/ada/suppress', { topic: 'onboarding' })
	const [code, why] = await send('Ada@acme.example')
	assert.equal(code, 77)
	assert.match(why, /suppressed/)
	assert.equal((await send('no address'))[0], 64)
	assert.match((await send('me@acme.example', 'slack-at-risk'))[1], /is no mail/)
	assert.equal(sink.mails.length, 0)
})

test('--send-to: tells what the other side said', async (t) => {
	const { dir, sink } = await mailing(t, { refuse: (stage) =>
		stage === 'rcpt' ? [550, '5.1.1 no such box'] : null })
	const [code, why] = await refused(dir, 'day-00-welcome', '--send-to', 'me@acme.example')
	assert.notEqual(code, 0)
	assert.match(why, /not sent: .*no such box/)
	await sink.close()
	const gone = await refused(dir, 'day-00-welcome', '--send-to', 'me@acme.example')
	assert.equal(gone[0], 75)
	assert.match(gone[1], /not sent: channel email: /)
})
