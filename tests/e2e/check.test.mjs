// What nudge check finds in messages, and where.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { identify, nudge, readJson, track, Worker, workspace, writeJson } from './lib.mjs'

const write = (dir, name, text) => fs.writeFileSync(path.join(dir, name), text)

// Of each problem where it is, its rule and what is said of it.
async function found(dir) {
	const { stdout } = await nudge(['check', '-C', dir, '--json'])
	return JSON.parse(stdout).map((p) =>
		[`${p.file}:${p.line}:${p.column}`, p.rule, p.text])
}

const places = async (dir) => (await found(dir)).map(([where, rule]) => `${where} ${rule}`)

test('names that there are not, each where it is written', async (t) => {
	const dir = await workspace(t)
	write(dir, 'templates/x.md', 'Subject: Hi {{ user.frist_name | default: "you" }}\n\n' +
		'{% assign mine = 1 %}{{ mine }} {{ usr.name }}\n{{ metric.taks }} {{ metric.tasks }} ' +
		'{{ entry.dya }} {{ event.workflw }} {{ account.metric.taks }} {{ data.anything }}\n' +
		'{% render "part" %}{% for row in event.rows %}{{ row.x }}{% endfor %} {{ app_ulr }}\n')
	write(dir, 'templates/y.md', 'Subject: y\n\n{% render "part" %}\n')
	write(dir, 'templates/z.json', '{ "channel": "slack", "body":\n\t{ "text": "{{ user.emial }}" } }')
	write(dir, 'templates/partials/part.liquid', '\n {{ user.emali | default: "" }}\n')
	const file = path.join(dir, 'templates/layouts/default.html')
	fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('{{ content }}',
		'{{ content }}{{ user.lokale }}'))
	const at = fs.readFileSync(file, 'utf8').split('\n').findIndex((l) => l.includes('lokale')) + 1
	assert.deepEqual((await found(dir)).map(([where, , text]) => `${where} ${text}`), [
		`templates/layouts/default.html:${at}:17 no trait of a user is called "lokale"; ` +
			'did you mean "locale"?',
		'templates/partials/part.liquid:2:5 no trait of a user is called "emali"; ' +
			'did you mean "email"?',
		'templates/x.md:1:16 no trait of a user is called "frist_name"; ' +
			'did you mean "first_name"?',
		'templates/x.md:3:36 nothing that a message sees is called "usr"; ' +
			'did you mean "user"?',
		'templates/x.md:4:4 no metric is called "taks"; did you mean "tasks"?',
		'templates/x.md:4:41 no value of an entry is called "dya"; did you mean "day"?',
		'templates/x.md:4:57 no property of an event is called "workflw"; ' +
			'did you mean "workflow"?',
		'templates/x.md:4:77 no metric of an account is called "taks"',
		'templates/x.md:5:74 nothing that a message sees is called "app_ulr"; ' +
			'did you mean "app_url"?',
		'templates/z.json:2:12 no trait of a user is called "emial"; did you mean "email"?',
	])
})

test('traits and properties that the store has are known, others are not', async (t) => {
	const dir = await workspace(t)
	write(dir, 'templates/x.md', 'Subject: x\n\n{{ user.favourite }} {{ event.colour }} ' +
		'{{ account.tier_name }}\n{{ user.nowhere }} {% if user.rare %}x{% endif %}\n')
	assert.deepEqual(await places(dir), []) // no evidence yet
	const worker = await Worker.start(t, dir)
	await worker.events(identify('ada', { favourite: 'x' }), track('ada', 'E', { colour: 'red' }),
		{ type: 'group', userId: 'ada', groupId: 'g', traits: { tier_name: 'a' } })
	assert.deepEqual(await places(dir), ['templates/x.md:4:4 unknown-name'])
	for (let i = 0; i < 120; i++) await worker.events(identify(`u${i}`, {}))
	await worker.stop()
	assert.deepEqual((await places(dir)).filter((p) => p.startsWith('templates/')),
		['templates/x.md:4:4 unknown-name', 'templates/x.md:4:26 unknown-name'])
})

test('traits that definitions read are looked for, too', async (t) => {
	const dir = await workspace(t)
	writeJson(path.join(dir, 'sequences/x.json'), {
		enter: { on: 'E', if: "user.palace == 'a' and event.anything" },
		exit: [{ if: 'account.induztry' }, { if: { any: ['user.email', 'user.emial'] } }],
		steps: [{ id: 'a', at: 'user.creatd_at', send: 'day-00-welcome', if: 'user.hometown' }],
	})
	writeJson(path.join(dir, 'sequences/y.json'), {
		enter: { date: 'user.birthdya' }, steps: [{ id: 'a', day: 0, send: 'day-00-welcome' }],
	})
	const metrics = readJson(path.join(dir, 'metrics.json'))
	metrics.metrics.odd = { trait: 'employes', for: 'account' }
	metrics.metrics.sum = { expr: 'user.aeg | plus: 1' }
	writeJson(path.join(dir, 'metrics.json'), metrics)
	const texts = async () => (await found(dir)).map(([where, rule, text]) =>
		`${where.replace(/:.*/, '')} ${rule} ${text}`)
	const typos = [
		'metrics.json unknown-name no trait of an account is called "employes"; ' +
			'did you mean "employees"?',
		'sequences/x.json unknown-name no trait of an account is called "induztry"; ' +
			'did you mean "industry"?',
		'sequences/x.json unknown-name no trait of a user is called "emial"; ' +
			'did you mean "email"?',
		'sequences/x.json unknown-name no trait of a user is called "creatd_at"; ' +
			'did you mean "created_at"?',
		'sequences/y.json unknown-name no trait of a user is called "birthdya"; ' +
			'did you mean "birthday"?',
	]
	assert.deepEqual(await texts(), typos)
	const worker = await Worker.start(t, dir)
	for (let i = 0; i < 100; i++) await worker.events(identify(`u${i}`, { hometown: 'x' }))
	await worker.stop()
	const known = await texts()
	for (const typo of typos) assert.ok(known.includes(typo), typo)
	assert.ok(known.includes('sequences/x.json unknown-name no trait of a user is called ' +
		'"palace", of 100 people looked at'), known.join('\n'))
	assert.ok(!known.some((text) => text.includes('"hometown"')))
})

test('images without words, links without https; not in code and comments', async (t) => {
	const dir = await workspace(t, (settings) => {
		settings.variables.shop_url = 'http://shop.acme.example'
		settings.variables.local_url = 'http://localhost:8080'
	})
	write(dir, 'templates/x.md', 'Subject: x\n\n![](https://i.example/x) ![a](https://i.example/y)\n' +
		'<img src="https://i.example/x"> <IMG ALT="" src=\'http://i.example/y\'>\n' +
		'[a](http://a.example) <http://b.example> http://c.example http://127.0.0.1/x\n' +
		'`<img>` {% comment %}<img>{% endcomment %} <!-- http://d.example --> {{ "http://e.example" }}\n' +
		'`<b>` <img> ``a ` <img>`` <img> `never closed <img>\n\n' +
		'```\n<img> http://f.example\n```\n' +
		'<a href="{{ app_url }}" title="a > b"><img\n alt="x" src="x"></a>\n')
	write(dir, 'templates/h.html', 'Subject: h\n\n<p xmlns="http://www.w3.org/1999/xhtml">x</p>\n' +
		'<a\n href=http://a.example>x</a>')
	const nudgeJson = fs.readFileSync(path.join(dir, 'nudge.json'), 'utf8').split('\n')
	const line = nudgeJson.findIndex((l) => l.includes('shop_url')) + 1
	assert.deepEqual(await places(dir), [
		`nudge.json:${line}:15 https-links`,
		'templates/h.html:5:7 https-links',
		'templates/x.md:3:1 image-alt',
		'templates/x.md:4:1 image-alt',
		'templates/x.md:4:50 https-links',
		'templates/x.md:5:5 https-links',
		'templates/x.md:5:24 https-links',
		'templates/x.md:5:42 https-links',
		'templates/x.md:7:7 image-alt',
		'templates/x.md:7:27 image-alt',
		'templates/x.md:7:47 image-alt',
	])
})

test('an error with characters of any length is listed as JSON, too', async (t) => {
	const dir = await workspace(t)
	write(dir, 'templates/x.md', 'Subject: x\nLayout: ' + 'ö'.repeat(61) + '\n\n' +
		'{{ user.first_name | default: “there” }}\n')
	assert.deepEqual(await found(dir), [
		['templates/x.md:2:1', '', `there is no layouts/${'ö'.repeat(30)}.html`],
		['templates/x.md:4:31', '', "a value is expected, not '“': write \" or ' around a string"],
	])
})

test('webhooks without https, and one secret for all who are called', async (t) => {
	const secret = (prefix, bytes) => prefix + Buffer.alloc(bytes, 1).toString('base64')
	const shared = secret('whsec_', 24), own = secret('whsk_', 32)
	const hook = (url, more) => ({ type: 'webhook', url, ...more })
	const dir = await workspace(t, ({ channels }) => Object.assign(channels, {
		plain: hook('http://app.example/{{ user.id }}', { secret: shared }),
		local: hook('http://127.0.0.1:8080/'),
		one: hook('https://app.example/', { secret: shared }),
		many: hook('{{ account.hook }}', { secret: [own, shared] }),
		known: hook('{{ account.hook }}', { bearer: 'b', headers: { 'x-env': 'test',
			'x-token': '$TOKEN' } }),
		raw: hook('{{ account.hook }}', { headers: { Authorization: 'Key k' } }),
		login: hook('https://{{ account.host }}/', { user: 'u', password: 'p' }),
		amazon: hook('https://{{ account.host }}/', { aws: { region: 'r', service: 's',
			key: 'k', secret: 's' } }),
		ours: hook('https://app.example/{{ user.id }}', { bearer: '$TOKEN' }),
		right: hook('{{ account.hook }}', { secret: own, headers: { 'x-env': 'test' } }) }))
	fs.appendFileSync(path.join(dir, '.env'), 'TOKEN=t\n')
	const lines = fs.readFileSync(path.join(dir, 'nudge.json'), 'utf8').split('\n')
	assert.deepEqual((await found(dir)).map(([where, rule]) =>
		[rule, lines[where.split(':')[1] - 1].trim()]), [
		['https-webhooks', '"url": "http://app.example/{{ user.id }}",'],
		['shared-secret', '"secret": ['],
		['shared-secret', '"bearer": "b",'],
		['shared-secret', '"x-token": "$TOKEN"'],
		['shared-secret', '"Authorization": "Key k"'],
		['shared-secret', '"password": "p"'],
		['shared-secret', '"aws": {'],
	])
})

test('long subjects, clipped HTML, no way out', async (t) => {
	const dir = await workspace(t)
	const sixty = 'é'.repeat(60)
	write(dir, 'templates/x.md', `Tags: a\nSubject:  ${sixty} {{ user.name }}\n\nx\n`)
	write(dir, 'templates/y.md', `Subject: ${sixty} {{ user.first_name | default: "" }}\n\n` +
		'{% for i in (1..1100) %}<p style="color:#123456">Some words, a hundred bytes of them, ' +
		'again and again and again.</p>\n{% endfor %}\n')
	write(dir, 'templates/z.md', 'Subject: z\nTopic: news\nLayout: none\n\nNews\n')
	write(dir, 'templates/w.md', 'Subject: w\nLayout: none\n\nNews\n')
	write(dir, 'sequences/w.json', '{ "topic": "news",\n "enter": { "on": "E" }, ' +
		'"exit": { "if": "account.csm" }, "steps": [\n  { "id": "a", "day": 0, "send": "w" } ] }')
	assert.deepEqual(await places(dir), [
		'sequences/w.json:3:3 unsubscribe-link',
		'templates/x.md:2:11 long-subject',
		'templates/x.md:2:135 plain-greeting',
		'templates/y.md:1:1 clipped-html',
		'templates/z.md:2:1 unsubscribe-link',
	])
})

const times = (n, text) => Array(n).fill(text)

test('what would be held for everybody, where it is written', async (t) => {
	const dir = await workspace(t)
	const wrong = ['"now" | date: "%R", "Europe/Berln"', '"now" | time_zone: "PST8"',
		'9 | currency: "EURO"', '"now" | add_time: 3, "fortnights"', '9 | divided_by: 0',
		'event.total | divided_by: 0', 'data.at | date: "%R", "Europe/Berln"']
	wrong.forEach((filters, i) => write(dir, `templates/w${i}.md`,
		`Subject: x\n\n{{ ${filters} }}\n`))
	write(dir, 'templates/x0.md', 'Subject: x\n\n{% if metric.tasks > "3" %}x{% endif %}\n')
	write(dir, 'templates/x1.md', 'Subject: x\nReply-To: not an address\n\nx\n')
	write(dir, 'templates/x2.md', 'Subject: x\nFrom: a@b.example, c@d.example\n\nx\n')
	write(dir, 'templates/x3.md', 'Subject: x\nFrom: boss@elsewhere.example\n\nx\n')
	write(dir, 'templates/x4.md', 'Tags: a\nSubject: {% if false %}x{% endif %}\n\nx\n')
	write(dir, 'templates/x5.json',
		'{ "channel": "slack", "body":\n\t{ "text": "{{ 9 | modulo: 0 }}" } }')
	const warnings = await found(dir)
	assert.deepEqual(warnings.map(([, rule, text]) => [rule, text.slice(0, 27)]),
		times(13, ['held', 'the message would be held: ']))
	assert.deepEqual(warnings.map(([where]) => where.slice('templates/'.length)),
		[...wrong.map((_, i) => `w${i}.md:3:1`), 'x0.md:3:7', 'x1.md:2:11', 'x2.md:2:7',
			'x3.md:2:7', 'x4.md:2:10', 'x5.json:2:12'])
	assert.match(warnings[0][2], /Europe\/Berln/)
	assert.match(warnings[10][2], /From is boss@elsewhere\.example, but the sender's domain/)
})

// What the made-up people lack, real ones have: there is nothing to be said of it.
test('what values of real people may be is not held', async (t) => {
	const dir = await workspace(t)
	write(dir, 'templates/x.md', 'Subject: {{ user.nick }}\n' +
		'From: {{ account.csm.name }} <{{ account.csm.email }}>\nReply-To: {{ data.answers }}\n\n' +
		'{{ event.order.total | divided_by: event.order.items }} {{ 100 | divided_by: metric.tasks }}\n' +
		'{{ data.amount | plus: 1 | currency: data.currency }} {% if data.amount > 3 %}x{% endif %}\n' +
		'{{ data.when | date: "%R", event.zone }} {{ "now" | add_time: 2, event.unit }}\n' +
		'{% for row in event.rows %}{{ row.a | divided_by: row.b }}{% endfor %}\n' +
		'{{ event.starts_at | date: "%R" }} {{ data.n | times: 2 | number: user.locale }}\n')
	write(dir, 'templates/y.md', 'Subject: y\n\n{% abort_message "never" %}\n')
	write(dir, 'templates/z.json', '{ "channel": "slack", "body": { "text": "{{ event.a | modulo: event.b }}", ' +
		'"n": "{{ data.n | plus: 1 }}" } }')
	assert.deepEqual(await found(dir), [])
})

test('a topic that is nearly one of those declared', async (t) => {
	const dir = await workspace(t)
	const mail = (topic) => `Subject: x\nTopic: ${topic}\n\n{{ unsubscribe_url }}\n`
	write(dir, 'templates/x.md', mail('onbording'))
	write(dir, 'templates/y.md', mail('product-news')) // nowhere declared, and like nothing
	write(dir, 'templates/z.json', '{ "channel": "slack", "topic": "tip", "body": {} }')
	assert.deepEqual(await found(dir), [
		['templates/x.md:2:8', 'unknown-name', 'no topic of nudge.json or a sequence is ' +
			'called "onbording"; did you mean "onboarding"?'],
		['templates/z.json:0:0', 'unknown-name', 'no topic of nudge.json or a sequence is ' +
			'called "tip"; did you mean "tips"?'],
	])
	writeJson(path.join(dir, 'sequences/news.json'), { topic: 'onbording',
		enter: { on: 'E' }, steps: [{ id: 'a', day: 0, send: 'x' }] })
	assert.deepEqual((await places(dir)).filter((p) => p.startsWith('templates')),
		['templates/z.json:0:0 unknown-name'])
})

test('rules are left out by name, everywhere or in some files', async (t) => {
	const dir = await workspace(t)
	for (const name of ['x', 'logo-a'])
		write(dir, `templates/${name}.md`, 'Subject: x\n\n![](https://i.example/x)\n' +
			'http://a.example\n')
	const silence = async (...off) => {
		const file = path.join(dir, 'nudge.json')
		writeJson(file, { ...readJson(file), lint: { off } })
		return places(dir)
	}
	const [a, b] = ['logo-a', 'x'].map((name) => [`templates/${name}.md:3:1 image-alt`,
		`templates/${name}.md:4:1 https-links`])
	assert.deepEqual(await silence(), [...a, ...b])
	assert.deepEqual(await silence('image-alt'), [a[1], b[1]])
	assert.deepEqual(await silence('templates/logo-*: image-alt', 'https-links'), [b[0]])
	const [[, rule, text]] = await found(dir).then(() => silence('image-atl')).then(() => found(dir))
	assert.equal(rule, 'unknown-name')
	assert.equal(text, 'no rule is called "image-atl"; did you mean "image-alt"?')
})

test('an error in a partial or a header is told once, at its place', async (t) => {
	const dir = await workspace(t)
	write(dir, 'templates/partials/signature.liquid', 'x\n {{ product | upcas }}\n')
	write(dir, 'templates/x.md', 'Subject: a {{ user.name | truncate: 1, 2, 3 }}\n\nx\n')
	assert.deepEqual((await found(dir)).map(([where]) => where).sort(),
		['templates/partials/signature.liquid:2:15', 'templates/x.md:1:27'])
})

test('help has each rule', async () => {
	const { stdout } = await nudge(['check', '--help'])
	for (const rule of ['unknown-name', 'unsubscribe-link', 'plain-greeting', 'raw-value',
		'image-alt', 'https-links', 'https-webhooks', 'shared-secret', 'clipped-html', 'long-subject', 'unreachable-step',
		'held', 'no-upsell-before-day-4', 'human-owned-accounts', 'answerable-review'])
		assert.match(stdout, new RegExp(`^  ${rule} +\\w`, 'm'))
})

test('a topic that no link below a mail could carry is an error', async (t) => {
	const long = 'x'.repeat(80)
	const sequence = (topic) => ({ for: 'user', topic, enter: { on: 'Go' },
		steps: [{ id: 'a', day: 0, send: 'x' }] })
	const dir = await workspace(t, (settings) => {
		settings.topics = { [long]: { title: 'Long' }, [long.slice(1)]: {} }
	})
	const mail = (topic) => `Subject: x\nTopic: ${topic}\n\n{{ unsubscribe_url }}\n`
	write(dir, 'templates/x.md', mail(long.slice(1)))
	write(dir, 'templates/y.md', mail(long))
	writeJson(path.join(dir, 'templates/z.json'), { channel: 'email', topic: long, body: {} })
	writeJson(path.join(dir, 'sequences/p.json'), sequence(long.slice(1)))
	writeJson(path.join(dir, 'sequences/q.json'), sequence(long))
	const errors = (await nudge(['check', '-C', dir])).stdout
	for (const file of ['nudge.json', 'templates/y.md:2', 'templates/z.json:3',
		'sequences/q.json:3'])
		assert.match(errors, new RegExp(`${file}.*a topic has 79 bytes at most`))
	assert.equal(errors.match(/79 bytes/g).length, 4)
})
