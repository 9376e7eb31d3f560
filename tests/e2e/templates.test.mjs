// What a template writes for one person: their language and zone, names that
// are none, a signature by a key that only nudge.json has.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { identify, mailing, nudge, parse, readJson, track, workspace, writeJson } from './lib.mjs'

const german = `Subject: Bis {{ user.trial_ends_at | date: "%A, %-d. %B, %H:%M" }}
Topic: onboarding

Hallo {{ user.first_name | default: "du" }} von {{ account.name | default: "euch" }},

{{ 1234.5 | currency: "EUR" }}, {{ user.id | hmac_sha256: "chat" }},
[Einstellungen]({% preferences_url %})
`

test('a mail in the person\'s language, hour and with a signature', async (t) => {
	const { sink, worker } = await mailing(t, { edit: (settings, dir) => {
		settings.template_keys = { chat: '$CHAT_KEY' }
		fs.appendFileSync(path.join(dir, '.env'), 'CHAT_KEY=geheim\n')
		fs.writeFileSync(path.join(dir, 'templates/day-00-welcome.de.md'), german)
	} })
	await worker.events(identify('ada', { first_name: 'gewinn.example', locale: 'de-CH',
		email: 'ada@example.com', plan: 'free', timezone: 'Europe/Berlin',
		trial_ends_at: '2026-03-30T07:00:00Z' }), track('ada', 'Signed Up'))
	const [mail] = await sink.wait(1)
	const { subject, text } = await parse(mail)
	assert.equal(subject, 'Bis Montag, 30. März, 09:00')
	assert.match(text, /Hallo du von euch,/)
	assert.match(text, /€\u00a01’234\.50/)
	assert.ok(text.includes(createHmac('sha256', 'geheim').update('ada').digest('hex')))
	assert.match(text, /Einstellungen\s\(http.*\/p\/[\w-]+\)/)
	assert.ok(!mail.raw.toString().includes('geheim'))
})

test('a key that nobody has is a mistake of the template', async (t) => {
	const dir = await workspace(t)
	const settings = readJson(path.join(dir, 'nudge.json'))
	const file = path.join(dir, 'templates/t.md')
	fs.writeFileSync(file, 'Subject: {{ user.id | hmac_sha256: "caht" }}\n\nx\n')
	writeJson(path.join(dir, 'nudge.json'), { ...settings, template_keys: { chat: 'geheim' } })
	const checked = await nudge(['check', '-C', dir])
	assert.equal(checked.code, 1)
	assert.match(checked.stdout + checked.stderr, /templates\/t\.md:1:\d+: there is no key "caht"/)
	fs.writeFileSync(file, 'Subject: x\n\n{{ template_keys | json }}{{ chat }}\n')
	const seen = await nudge(['preview', 't', '-C', dir])
	assert.doesNotMatch(seen.stdout + seen.stderr, /geheim/)
})
