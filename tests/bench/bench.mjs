// Measures what the design promises, as ratios within one run where it can be,
// and prints a table. Nothing is asserted: machines differ.
//
//	node bench.mjs [NAME...]	all, or: events mail wakeups render start metrics
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { keepSequence, program, root, smtpChannel, until, Worker, workspace, writeJson,
	writeKey } from '../e2e/lib.mjs'

const SECONDS = 5, CONNECTIONS = 64, PORT = 2599, MAILS = 20000
const PEOPLE = Number(process.env.PEOPLE ?? 1e6)
const built = path.join(path.dirname(program), 'bench')
const tool = (name, ...args) =>
	execFileSync(path.join(built, name), args.map(String), { encoding: 'utf8', cwd: root }).trim()

const cleanups = []
const t = { after: (fn) => cleanups.push(fn) }
const rows = []
const say = (what, figure, bar, measured) => {
	rows.push([what, figure, bar, measured])
	console.error(`${what}: ${figure} (bar: ${bar})`)
}
const round = (n) => Math.round(n).toLocaleString('en')

// A workspace with one step, due an hour after signing up.
const HOUR = 3600000
const signedUp = Date.now() - 2 * HOUR
const steps = (after) => (settings, dir) => {
	keepSequence(dir, 'self-serve-onboarding')
	writeJson(path.join(dir, 'sequences/self-serve-onboarding.json'), { for: 'user',
		topic: 'onboarding', enter: { on: 'Signed Up' },
		steps: [{ id: 'welcome', after, send: 'day-00-welcome' }] })
}
async function filled(count, after, edit = () => {}) {
	const dir = await workspace(t, (settings, folder) => {
		steps(after)(settings, folder)
		edit(settings)
	})
	fs.mkdirSync(path.join(dir, 'data'))
	tool('people', 'sign-up', dir, count, signedUp)
	return dir
}

const load = (url, batch, people) => Number(tool('http_load', new URL(url).port,
	CONNECTIONS, SECONDS, batch, people, writeKey))

const on = (event) => ({ on: event }), hold = { after: '30d', send: 'day-07-tips', id: 'one' }
const task = 'Task Succeeded', score = 'Adoption Score Updated'
const twentyMetrics = {
	tasks: { count: task }, tasks_7d: { count: task, window: '7d' }, failed: { count: 'Task Failed' },
	failed_3d: { count: 'Task Failed', window: '3d' }, first_task_at: { first: task },
	last_task_at: { last: task }, workflows: { distinct: task, of: 'workflow' },
	score: { latest: score, of: 'score' }, best: { max: score, of: 'score' },
	worst: { min: score, of: 'score' }, mean: { avg: score, of: 'score' },
	points: { sum: score, of: 'score' }, points_7d: { sum: score, of: 'score', window: '7d' },
	invites: { count: 'Invite Sent' }, seats: { trait: 'seats' },
	ratio: { expr: 'metric.failed | times: 100' },
	activation: { milestones: [{ name: 'First task', if: 'metric.tasks > 0' },
		{ name: 'Second workflow', if: 'metric.workflows > 1' }] },
	coverage: { for: 'account', share: 'metric.tasks > 0' },
	lowest: { for: 'account', min: 'metric.score' },
	account_tasks: { for: 'account', count: task },
}
const sequence = (enter, rest = {}) => ({ enter, steps: [hold], ...rest })
const ofAccount = { for: 'account', steps: [{ ...hold, to: 'cs-lead' }] }
const fifteenSequences = {
	onboarding: sequence(on('Signed Up'), { exit: [on('Plan Upgraded')], steps:
		[3, 7, 14, 21, 30].map((day) => ({ id: `day-${day}`, day, send: 'day-07-tips' })) }),
	low: sequence({ metric: 'score', below: 5, rearm: 45, cooldown: '14d' }),
	high: sequence({ metric: 'best', above: 99, rearm: 60, cooldown: '14d' }),
	dwelling: sequence({ metric: 'mean', below: 10, dwell: '2d', cooldown: '14d' }),
	burst: sequence({ metric: 'failed_3d', above: 10, cooldown: '14d' }),
	stagnant: sequence({ metric: 'best', stagnant: '14d', gain: 1 }),
	missing: sequence({ missing: task, after: 'Signed Up', within: '48h' }),
	idle: sequence({ idle: '7d', since: 'first_task_at', of: task }),
	trial: sequence({ date: 'user.trial_ends_at', offset: '-3d' }),
	first: sequence({ on: task, if: 'metric.tasks == 1' }),
	limit: sequence(on('Plan Limit Reached')),
	hands: sequence({ manual: true }),
	coverage: sequence({ metric: 'coverage', below: 0.1, cooldown: '14d' }, ofAccount),
	lowest: sequence({ metric: 'lowest', below: 1, rearm: 50, cooldown: '14d' }, ofAccount),
	signed: sequence(on('Contract Signed'), ofAccount),
}

const benches = {
	async events() {
		const zero = spawn(path.join(built, 'evhttp_zero'))
		t.after(() => zero.kill())
		const [line] = await once(zero.stdout, 'data')
		const worker = await Worker.start(t, await workspace(t))
		const bare = load(String(line).trim(), 1, 10000)
		const one = load(worker.url, 1, 10000)
		say('events, one a request, fsynced', `${(one / bare).toFixed(2)} of evhttp`, '0.5',
			`${round(one)} and ${round(bare)} a second, ${CONNECTIONS} connections`)
		const hundred = load(worker.url, 100, 10000)
		say('events, batches of 100', `${round(hundred)}/s`, '25,000/s', '10,000 people')
		await worker.kill()
		zero.kill()
	},

	async mail() {
		const user = process.getuid() === 0 ? ['-u', 'nobody'] : []
		const sink = spawn('/usr/sbin/smtp-sink', [...user, `127.0.0.1:${PORT}`, '100'],
			{ stdio: ['ignore', 'ignore', 'inherit'] })
		t.after(() => sink.kill())
		await until('smtp-sink to listen', () => new Promise((done) => {
			const socket = net.connect(PORT, '127.0.0.1', () => done(true))
			socket.on('error', () => done(false)).on('connect', () => socket.end('QUIT\r\n'))
		}))
		const dir = await filled(MAILS, '1h', (settings) => {
			settings.channels.email = smtpChannel({ port: PORT }, { connections: 4 })
		})
		const size = JSON.parse(execFileSync(program, ['preview', 'day-00-welcome', '-C', dir,
			'--json'], { encoding: 'utf8' }))
		const bytes = Buffer.byteLength(size.html + size.text) + 1500
		const started = process.hrtime.bigint()
		const source = spawnSync('/usr/sbin/smtp-source', ['-d', '-s', '4', '-m', MAILS,
			'-l', bytes, '-f', 'a@example.com', '-t', 'b@example.com',
			`127.0.0.1:${PORT}`].map(String), { stdio: 'inherit' })
		if (source.status !== 0) throw new Error('smtp-source failed')
		const bare = MAILS / (Number(process.hrtime.bigint() - started) / 1e9)
		const sendAll = async (folder, count) => {
			const worker = await Worker.start(t, folder)
			const begun = Date.now()
			await until('all to be sent', async () => {
				await new Promise((done) => setTimeout(done, 100)) // asking costs it time
				return (await worker.get('/v1/messages?limit=1')).counts.sent === count
			}, 300000)
			await worker.kill()
			return count / ((Date.now() - begun) / 1000)
		}
		const own = await sendAll(dir, MAILS)
		say('personalised mail to smtp-sink', `${(own / bare).toFixed(2)} of smtp-source`, '0.5',
			`${round(own)} and ${round(bare)} a second, 4 connections, ${bytes} bytes`)
		const alone = await sendAll(await filled(1000, '1h', (settings) => {
			settings.channels.email = smtpChannel({ port: PORT },
				{ connections: 1, unsettled: 1 })
		}), 1000)
		say('one mail after the other', `${(1000 / alone).toFixed(1)} ms`, '10 ms',
			`one connection, each committed before the next, ${bytes} bytes`)
		sink.kill()
	},

	async wakeups() {
		const count = 200000
		const dir = await filled(count, '1h')
		const speed = Number(tool('people', 'wake', dir, Date.now()))
		say('wake-ups due at once', `${round(speed)}/s`, '100,000/s',
			`${round(count)}, each queues a message`)
	},

	// CPU time on both sides, so that what else runs here does not count much;
	// the median of rounds, as it still takes caches and half of a core away.
	async render() {
		const median = (list) => list.sort((a, b) => a - b)[list.length >> 1]
		const ruby = (dir, ...files) => execFileSync('ruby',
			['tests/bench/render.rb', ...files.map((file) => `${dir}/${file}`), '1'],
			{ encoding: 'utf8', cwd: root, env: { ...process.env, TZ: 'UTC' } }).split(' ').map(Number)
		const rounds = Array.from({ length: 5 }, () => ({ own: JSON.parse(tool('render', 1)),
			welcome: ruby('templates/library', 'day-00-welcome.md', 'layouts/default.html',
				'partials/signature.liquid'),
			rich: ruby('tests/bench/mail', 'onboarding.html', 'layouts/page.html',
				'partials/step.liquid') }))
		const of = (pick) => median(rounds.map(pick))
		for (const [mail, what] of [['welcome', 'the welcome mail'],
			['rich', 'a mail with loops, dates, partials']]) {
			for (const [i, how, bar] of [[0, 'once', '60 x'], [1, 'each', '30 x']])
				say(`${what}, parsed ${how === 'once' ? 'once' : 'each time'}`,
					`${of((r) => r.own[mail][how] / r[mail][i]).toFixed(1)} x ruby-liquid`, bar,
					`${round(of((r) => r.own[mail][how]))} and ${round(of((r) => r[mail][i]))} a second`)
		}
		say('... by hand in C', `${of((r) => r.own.rich.once / r.own.rich.by_hand).toFixed(2)} of it`,
			'0.1', `${round(of((r) => r.own.rich.by_hand))} a second, ${rounds[0].own.rich.bytes} bytes`)
		say('the slowest template within the limits', `${tool('limits')} ms`, '50 ms', 'CPU time')
		say('compose a mail of 20 KB', `${of((r) => r.own.compose_us).toFixed(1)} us`, '25 us',
			`the welcome mail with Markdown and text part: ${round(of((r) => r.own.whole))} a second`)
	},

	async start() {
		const memory = (worker) => Number(/VmRSS:\s+(\d+)/.exec(
			fs.readFileSync(`/proc/${worker.child.pid}/status`, 'utf8'))[1]) / 1024
		const idle = await Worker.start(t, await workspace(t))
		say('idle memory', `${memory(idle).toFixed(1)} MB`, '20 MB', 'nobody in the store')
		await idle.kill()
		const dirs = { few: await filled(10000, '30d'), many: await filled(PEOPLE, '30d') }
		const begun = Date.now()
		let worker = await Worker.start(t, dirs.many)
		say(`start with ${round(PEOPLE)} people`, `${((Date.now() - begun) / 1000).toFixed(2)} s`,
			'1 s', 'until it listens')
		say('... and memory', `${memory(worker).toFixed(1)} MB`, '150 MB', '')
		const many = load(worker.url, 100, PEOPLE)
		say('... and under load', `${memory(worker).toFixed(1)} MB`, '150 MB', '')
		await worker.kill()
		worker = await Worker.start(t, dirs.few)
		const few = load(worker.url, 100, 10000)
		await worker.kill()
		say('cost an event, 10,000 people to all', `${(few / many).toFixed(2)} x`, '1.5 x',
			`${round(few)} and ${round(many)} events a second`)
	},

	// Without HTTP: the turn alone, so that CPU and disk can be told apart.
	async metrics() {
		const measure = async (count) => {
			const dir = await workspace(t, (settings, folder) => {
				fs.rmSync(path.join(folder, 'sequences'), { recursive: true })
				fs.mkdirSync(path.join(folder, 'sequences'))
				writeJson(path.join(folder, 'metrics.json'), { metrics: twentyMetrics })
				for (const [name, sequence] of Object.entries(fifteenSequences))
					writeJson(path.join(folder, `sequences/${name}.json`), sequence)
			})
			const store = path.join(dir, 'data/nudge.db')
			fs.mkdirSync(path.dirname(store))
			tool('people', 'sign-up', dir, count, signedUp)
			const [perSecond, cpu] = tool('people', 'events', dir, count, Date.now()).split(' ').map(Number)
			return { perSecond, cpu, bytes: fs.statSync(store).size / count }
		}
		const few = await measure(10000), many = await measure(PEOPLE)
		say(`20 metrics, 15 sequences: cost an event, 10,000 people to ${round(PEOPLE)}`,
			`${(few.perSecond / many.perSecond).toFixed(2)} x`, '1.5 x',
			`${round(few.perSecond)} and ${round(many.perSecond)} events a second`)
		say('... of CPU', `${(many.cpu / few.cpu).toFixed(2)} x`, '1.5 x', `${few.cpu} and ${many.cpu} us`)
		say('... bytes a user', round(many.bytes), '', 'the whole store: traits, state, three events, decisions')
	},
}

const wanted = process.argv.slice(2)
try {
	for (const [name, bench] of Object.entries(benches))
		if (wanted.length === 0 || wanted.includes(name)) await bench()
	const width = [0, 1, 2].map((i) => Math.max(...rows.map((row) => row[i].length)))
	console.log(`\n${os.cpus().length} x ${os.cpus()[0].model.trim()}`)
	for (const row of rows)
		console.log(row.map((cell, i) => cell.padEnd(width[i] ?? 0)).join('  ').trimEnd())
} finally {
	for (const clean of cleanups.reverse()) await clean()
}
process.exit()
