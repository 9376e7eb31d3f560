// The first mail, as foreign clients cause it and foreign parsers read it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { Analytics } from '@segment/analytics-node'
import { identify, mailing, nudge, parse, root, track, until, writeKey } from './lib.mjs'

const byPython = (raw) => JSON.parse(execFileSync('python3',
	[path.join(root, 'tests/e2e/parse.py')], { input: raw, encoding: 'utf8' }))

test('a Segment client signs somebody up and the welcome mail comes', async (t) => {
	const { sink, worker } = await mailing(t, { edit: (settings) => {
		settings.public_url = 'https://nudge.acme.example'
	} })
	const analytics = new Analytics({ writeKey, host: worker.url })
	analytics.identify({ userId: 'ada', traits: { first_name: 'Ada', last_name: 'Lovelace',
		email: 'ada@example.com', plan: 'free', timezone: 'Europe/Berlin' } })
	analytics.track({ userId: 'ada', event: 'Signed Up' })
	await analytics.closeAndFlush()
	const [mail] = await sink.wait(1)
	assert.deepEqual(mail.to, ['ada@example.com'])
	assert.equal(mail.from, 'hello@acme.example')

	const read = await parse(mail)
	assert.equal(read.subject, 'Welcome, Ada. Start with one small task')
	assert.deepEqual(read.from.value, [{ address: 'hello@acme.example', name: 'Acme' }])
	assert.deepEqual(read.to.value, [{ address: 'ada@example.com', name: 'Ada Lovelace' }])
	assert.match(read.messageId, /^<[a-z2-7]{26}@acme\.example>$/i)
	assert.ok(Math.abs(read.date - Date.now()) < 120000, `date ${read.date}`)
	for (const part of [read.text, read.html]) {
		assert.match(part, /Hi Ada,/)
		assert.match(part, /https:\/\/app\.acme\.example\/start/)
		assert.match(part, /1 Main Street, Springfield/)
		assert.match(part, /https:\/\/nudge\.acme\.example\/u\//)
		assert.doesNotMatch(part, /\{\{|\{%/)
	}

	const again = byPython(mail.raw)
	const values = (name) => again.headers
		.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, v]) => v)
	const one = (name) => {
		assert.equal(values(name).length, 1, `${name}: ${values(name).length} times`)
		return values(name)[0]
	}
	assert.equal(again.type, 'multipart/alternative')
	assert.deepEqual(again.parts.map(([type]) => type), ['text/plain', 'text/html'])
	assert.equal(one('Subject'), read.subject)
	assert.equal(again.parts[0][1].replace(/\s+/g, ' ').trim(), read.text.replace(/\s+/g, ' ').trim())
	const url = /^<(https:\/\/nudge\.acme\.example\/u\/[\w-]+)>$/.exec(one('List-Unsubscribe').trim())
	assert.ok(url, one('List-Unsubscribe'))
	assert.ok(read.html.includes(url[1]), 'the link in the mail is the one in the header')
	assert.equal(one('List-Unsubscribe-Post'), 'List-Unsubscribe=One-Click')
	assert.match(one('List-Id'), /^"?onboarding"? <onboarding\.acme\.example>$/i)
	assert.match(one('Feedback-ID'), /^[^:]+:[^:]+:[^:]+:[\w-]{5,15}$/)
	assert.equal(one('Auto-Submitted'), 'auto-generated')
	assert.equal(one('MIME-Version'), '1.0')
	assert.match(one('Date'), /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$/)
	for (const name of ['From', 'To', 'Message-ID']) one(name)

	const sent = await until('the verdict', async () =>
		(await worker.messages('state=sent'))[0])
	assert.equal(sent.template, 'day-00-welcome')
	assert.equal(read.messageId, `<${sent.key}@acme.example>`)
})

test('names in any script arrive, and cannot forge headers', async (t) => {
	const { sink, worker } = await mailing(t)
	const names = ['Zoë "Z" Müller, Dr.', '李小龍', 'Eve\r\nBcc: all', 'Ada *x* <b>B</b>',
		'{{ postal_address }}', 'See http://evil.example', '𝔄 very long name '.repeat(10).trim()]
	const called = [names[0], names[1], names[4]] // the rest is no name for To
	const greeted = [...called, names[2]] // links, markup and novels are not
	await worker.events(...names.flatMap((first_name, i) => [
		identify(`u${i}`, { first_name, email: `u${i}@example.com`, plan: 'free' }),
		track(`u${i}`, 'Signed Up')]))
	await sink.wait(names.length)
	for (const mail of sink.mails) {
		const i = Number(/^u(\d)/.exec(mail.to[0])[1])
		const plain = names[i].replace(/\s+/g, ' ')
		const read = await parse(mail)
		assert.equal(byPython(mail.raw).parts.length, 2)
		assert.equal(read.to.value[0].name.replace(/\s+/g, ' '),
			called.includes(names[i]) ? plain : '')
		assert.equal(read.subject.replace(/\s+/g, ' ').includes(plain),
			greeted.includes(names[i]), read.subject)
		assert.equal(read.bcc, undefined)
		assert.doesNotMatch(read.html, /<b>B|<em>x|href="http:\/\/evil/)
	}
})

test('a capturing channel writes the same mail to a file', async (t) => {
	const { dir, worker } = await mailing(t, { edit: (settings) => {
		settings.channels.email = { type: 'capture' }
	} })
	await worker.events(identify('ada', { email: 'ada@example.com', plan: 'free' }),
		track('ada', 'Signed Up'))
	const outbox = path.join(dir, 'data/outbox')
	const [file] = await until('a file', () => fs.existsSync(outbox) &&
		fs.readdirSync(outbox).filter((name) => name.endsWith('.eml')).length > 0 &&
		fs.readdirSync(outbox).filter((name) => name.endsWith('.eml')))
	const read = byPython(fs.readFileSync(path.join(outbox, file)))
	assert.ok(read.headers.some(([n, v]) => n === 'Subject' && v.startsWith('Welcome.')))
})

test('what the program wrote is what its own preview shows', async (t) => {
	const { dir, sink, worker } = await mailing(t)
	await worker.events(identify('ada', { first_name: 'Ada', email: 'ada@example.com' }),
		track('ada', 'Signed Up'))
	const [mail] = await sink.wait(1)
	const shown = await nudge(['preview', 'day-00-welcome', '-C', dir])
	assert.equal(shown.code, 0, shown.stderr)
	assert.match(shown.stdout, /Start with one small task/)
	assert.match((await parse(mail)).text, /Pick one small job/)
	assert.match(shown.stdout, /Pick one small job/)
})
