// What the README tells newcomers to type and to write works as it is printed.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { atEnd, freePort, nudge, program, readJson, root, workspace, writeJson } from './lib.mjs'

const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8')

// The blocks of a language below a heading.
function blocks(heading, language) {
	const section = readme.split(/^## /m).find((text) => text.startsWith(`${heading}\n`))
	const found = [...section.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
		.filter(([, is]) => is === language).map(([, , text]) => text)
	assert.ok(found.length > 0, `${heading}: ${language}`)
	return found
}

// All that the settings in the README take from elsewhere.
const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`
const secrets = { NUDGE_WRITE_KEY: 'w', NUDGE_OPERATOR_TOKEN: 'o', SMTP_PASSWORD: 'p',
	SLACK_URL: 'https://hooks.slack.com/services/T/B/x', IN_APP_SECRET: secret,
	NEW_SECRET: secret, OLD_SECRET: secret, CRM_TOKEN: 'c', POSTMARK_TOKEN: 'p' }

async function assertGood(dir, env) {
	const checked = await nudge(['check', '-C', dir], { env })
	assert.equal(checked.code, 0, checked.stderr + checked.stdout)
	const tested = await nudge(['test', '-C', dir], { env })
	assert.equal(tested.code, 0, tested.stderr + tested.stdout)
}

test('a first sequence in five minutes: every command', async (t) => {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nudge-'))
	atEnd(t, () => fs.rmSync(folder, { recursive: true, force: true }))
	for (const name of ['build', 'bin']) fs.mkdirSync(path.join(folder, name))
	fs.symlinkSync(program, path.join(folder, 'build/nudge'))
	for (const name of ['make', 'xdg-open'])
		fs.symlinkSync('/bin/true', path.join(folder, 'bin', name))
	const port = await freePort()
	const typed = blocks('A first sequence in five minutes', 'sh').join('\n')
		.replaceAll('8460', port)
		.replace(/^curl /gm, 'curl -sSf --retry-connrefused --retry 50 --retry-delay 0 ')
		.replace('ls data/outbox', 'until ls data/outbox | grep eml; do sleep 0.05; done')
	const { status, stdout, stderr } = spawnSync('timeout', ['60', 'bash', '-ec',
		`trap 'kill %1; wait' EXIT\n${typed}`], { cwd: folder, encoding: 'utf8',
		env: { HOME: folder, PATH: `${folder}/bin:${process.env.PATH}`,
			NUDGE_LISTEN: `127.0.0.1:${port}` } })
	assert.equal(status, 0, stdout + stderr)
	assert.match(stdout, /"success":true/)
	assert.match(stdout, /sent +day-00-welcome/)
})

test('the mail and the scenario', async (t) => {
	const dir = await workspace(t)
	const [mail] = blocks('A first sequence in five minutes', '')
	fs.writeFileSync(path.join(dir, 'templates/day-00-welcome.md'), mail)
	blocks('Say what must happen', 'json').forEach((text, i) =>
		fs.writeFileSync(path.join(dir, `scenarios/readme-${i}.json`), text))
	await assertGood(dir)
})

test('the settings for real mail, and all that is added to them', async (t) => {
	const dir = await workspace(t)
	const file = path.join(dir, 'nudge.json')
	const [settings, topics] = blocks('Send real mail', 'json')
	fs.writeFileSync(file, settings)
	await assertGood(dir, secrets)
	const all = { ...readJson(file), ...JSON.parse(`{${topics}}`) }
	const [{ channels }] = blocks('Send webhooks', 'json').map(JSON.parse)
	writeJson(file, { ...all, channels: { ...all.channels, ...channels } })
	await assertGood(dir, secrets)
})
