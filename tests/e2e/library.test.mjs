// The shipped plays do what their scenarios say, and their page tells of all of
// them.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { nudge, readJson, workspace, writeJson } from './lib.mjs'

const names = (dir, folder, endings) => fs.readdirSync(path.join(dir, folder))
	.filter((file) => endings.includes(path.extname(file)) && file !== 'README.md')
	.map((file) => path.parse(file).name)
const read = (dir, file) => fs.readFileSync(path.join(dir, file), 'utf8')

test('every scenario passes, and every message has one', async (t) => {
	const dir = await workspace(t)
	for (const zone of ['UTC', 'America/Los_Angeles', 'Asia/Tokyo']) {
		const { code, stdout, stderr } = await nudge(
			['test', '-C', dir, '--set', `timezone=${zone}`])
		assert.equal(code, 0, stdout + stderr)
	}
	const told = names(dir, 'scenarios', ['.json'])
		.map((name) => read(dir, `scenarios/${name}.json`)).join()
	for (const name of names(dir, 'templates', ['.md', '.json']))
		assert.ok(told.includes(`"${name}"`), `no scenario has ${name}`)
})

test('every message can be looked at before there is anybody', async (t) => {
	const dir = await workspace(t)
	for (const name of names(dir, 'templates', ['.md', '.json'])) {
		const { code, stderr } = await nudge(['preview', name, '-C', dir])
		assert.equal(code, 0, stderr)
	}
})

test('the page has every play and every metric', async (t) => {
	const dir = await workspace(t)
	const page = read(dir, 'README.md')
	for (const name of names(dir, 'sequences', ['.json']))
		assert.ok(page.includes(`| \`${name}\` |`), `no row for ${name}`)
	for (const name of Object.keys(readJson(path.join(dir, 'metrics.json')).metrics))
		assert.match(page, new RegExp(`\`${name}[\`.]`), `no word of ${name}`)
	for (const [, name] of page.matchAll(/^\| `([a-z0-9-]+)` \|/gm))
		assert.ok(fs.existsSync(path.join(dir, `sequences/${name}.json`)), name)
})

test('the further figures of the page can be computed', async (t) => {
	const dir = await workspace(t)
	const file = path.join(dir, 'metrics.json')
	const all = readJson(file)
	const blocks = [...read(dir, 'README.md').matchAll(/^```json\n(.*?)^```/gms)]
	assert.ok(blocks.length > 2)
	for (const [, block] of blocks)
		Object.assign(all.metrics, JSON.parse(block))
	writeJson(file, all)
	const { code, stdout } = await nudge(['check', '-C', dir])
	assert.equal(code, 0, stdout)
	assert.match(stdout, / 0 errors, 0 warnings$/m)
})

test('a message to staff is none that one unsubscribes from; all others are', async (t) => {
	const dir = await workspace(t)
	const topics = { '.md': (text) => /^Topic: /m.test(text.split('\n\n')[0]),
		'.json': (text) => 'topic' in JSON.parse(text) }
	for (const file of fs.readdirSync(path.join(dir, 'templates'))) {
		const has = topics[path.extname(file)]
		if (has && file !== 'README.md')
			assert.equal(has(read(dir, `templates/${file}`)), !/^(staff|slack)-/.test(file), file)
	}
})
