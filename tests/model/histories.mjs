// SPDX-License-Identifier: MIT
// Random histories: definitions, and what arrives when. The same seed gives the
// same history.
//
//	{ zone, definitions: [{ metrics, sequences }, ...], steps: [
//	    { now, user, event, at, properties, account }  track; the account may
//						be another than the user's
//	    { now, user, traits, at }			identify
//	    { now, user, group, traits, at }		group: in and out of accounts
//	    { now, forget: user }  { now, reload: index }  { now, sweep: true } ] }
//
// A step with `down` was waited for in vain: the worker slept since the one
// before. Until a `sweep` only who is touched is up to date with a reload.
import { randomFrom } from '../random.mjs'
import { DAY, HOUR, MINUTE } from './calendar.mjs'
import { Pair, all, any, both, compare, either, not, sum, truth, value }
	from './conditions.mjs'

export class Random {
	constructor(seed) {
		this.next = randomFrom(seed)
	}

	below(n) {
		return Math.floor(this.next() * n)
	}

	between(low, high) {
		return low + this.below(high - low + 1)
	}

	chance(p) {
		return this.next() < p
	}

	pick(list) {
		return list[this.below(list.length)]
	}
}

const EVENTS = ['Task', 'Login', 'Score', 'Support', 'Upgrade']
const ZONES = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'UTC',
	'Australia/Lord_Howe']
// Days before clocks change, and a plain one.
const BEGINNINGS = ['2026-03-06', '2026-03-27', '2026-04-02', '2026-10-22',
	'2026-10-30', '2026-06-10'].map((day) => Date.parse(day))
const NUMBERED = ['count', 'sum', 'min', 'max', 'avg', 'latest', 'distinct',
	'expr']

export const FEATURES = ['windows', 'expressions', 'accounts', 'aggregates',
	'sequences', 'steps', 'waits', 'splits', 'hours', 'thresholds', 'stagnant',
	'missing', 'idle', 'dates', 'history', 'disorder', 'down', 'reloads', 'pins',
	'moves', 'zones', 'dirt']

class Author {
	constructor(seed, features) {
		this.r = new Random(seed)
		this.features = features
		this.serial = 0
	}

	has(feature, p = 1) {
		return this.r.chance(p) && this.features.has(feature)
	}

	// ------------------------------------------------------------ definitions

	// { field: value } with that probability, to be spread.
	maybe(p, field, make) {
		return this.r.chance(p) ? { [field]: make() } : {}
	}

	// What an event is asked for.
	eventCondition(forAccount) {
		const { r } = this
		const one = () => r.pick([
			() => compare('event.status', '==', 'failed'),
			() => compare('event.n', r.pick(['>', '<', '>=']), r.between(0, 3)),
			() => compare('event.workflow', '!=', null),
			...forAccount ? [] : [() => compare('user.plan', '==', 'free'),
				() => truth('user.seed')],
			() => compare('account.tier', '==', 'gold')])()
		return r.chance(0.8) ? one() : r.pick([both, either, all, any])(one(), one())
	}

	namesOf(metrics, forAccount, kinds = NUMBERED) {
		return Object.keys(metrics).filter((name) =>
			(metrics[name].for === 'account') === forAccount &&
			kinds.some((kind) => metrics[name][kind] !== undefined))
	}

	// What a subject is asked for. In metrics nothing else is in scope.
	condition(metrics, forAccount, isMetric = false) {
		const { r } = this
		const own = this.namesOf(metrics, forAccount)
		const accounts = this.namesOf(metrics, true)
		const one = () => r.pick([
			...forAccount ? [] : [() => compare('user.plan', '==', 'free'),
				() => truth('user.seed'),
				() => compare('user.level', r.pick(['>', '<']), r.between(1, 4))],
			() => compare('account.tier', '==', 'gold'),
			...own.length > 0 ? [() => compare(`metric.${r.pick(own)}`,
				r.pick(['>', '<', '>=', '<=', '==']), r.between(0, 6)),
			() => compare(`metric.${r.pick(own)}`, '!=', null)] : [],
			...!isMetric && !forAccount && accounts.length > 0
				? [() => compare(`account.metric.${r.pick(accounts)}`, '>',
					r.between(0, 3))] : [],
			...!isMetric ? [() => compare('event.status', '==', 'failed'),
				() => compare('entry.day', '<', r.between(1, 9))] : [],
		])()
		const shape = r.next()
		if (shape < 0.7) return one()
		if (shape < 0.8) return not(one())
		return r.pick([both, either, all, any])(one(), one())
	}

	window() {
		return this.r.pick(['90m', '6h', '1d', '3d', '7d', '1000s'])
	}

	eventMetric(forAccount) {
		const { r } = this
		const kind = r.pick(['count', 'count', 'sum', 'min', 'max', 'avg', 'latest',
			'latest', 'first', 'last', 'distinct'])
		const hasOf = !['count', 'first', 'last'].includes(kind)
		return {
			...forAccount && { for: 'account' },
			[kind]: r.pick(EVENTS),
			...hasOf && { of: kind === 'distinct' ? r.pick(['workflow', 'n'])
				: r.pick(['n', 'n', 'deep.n']) },
			...this.maybe(0.3, 'if', () => this.eventCondition(forAccount)),
			...this.has('windows', 0.4) &&
				!['latest', 'first', 'last'].includes(kind) &&
				{ window: this.window() },
		}
	}

	workedOut(metrics, forAccount) {
		const { r } = this
		const counts = this.namesOf(metrics, forAccount, ['count', 'distinct'])
		const whose = forAccount ? { for: 'account' } : {}
		const shape = r.next()
		if (shape < 0.4 && counts.length > 0)
			return { ...whose, expr: sum(`metric.${r.pick(counts)}`,
				`metric.${r.pick(counts)}`, r.pick([1, 2, -1, 0.5])) }
		if (shape < 0.6)
			return { ...whose, trait: forAccount ? 'tier' : r.pick(['level', 'plan']) }
		return { ...whose, milestones: Array.from({ length: r.between(1, 3) },
			(_, i) => ({ name: `Milestone ${i}`,
				if: this.condition(metrics, forAccount, true) })) }
	}

	// Over members.
	aggregate(metrics) {
		const { r } = this
		const own = this.namesOf(metrics, false)
		const number = () => r.chance(0.7) && own.length > 0
			? value(`metric.${r.pick(own)}`) : value('user.level')
		const ofMember = () => {
			for (;;) {
				const made = this.condition(metrics, false, true)
				if (/metric\.|user\./.test(JSON.stringify(made))) return made
			}
		}
		const kind = r.pick(['share', 'count', 'sum', 'min', 'max', 'avg'])
		return { for: 'account',
			[kind]: ['share', 'count'].includes(kind) ? ofMember() : number(),
			...this.maybe(0.5, 'among', () => r.chance(0.6) ? truth('user.seed')
				: this.condition(metrics, false, true)) }
	}

	addMetric(metrics) {
		const forAccount = this.has('accounts', 0.35)
		const n = Object.keys(metrics).length
		if (forAccount && this.has('aggregates', 0.6))
			metrics[`a${n}`] = this.aggregate(metrics)
		else if (this.has('expressions', 0.2))
			metrics[`${forAccount ? 'a' : 'm'}${n}`] =
				this.workedOut(metrics, forAccount)
		else
			metrics[`${forAccount ? 'a' : 'm'}${n}`] = this.eventMetric(forAccount)
	}

	reenter() {
		return this.r.pick(['never', 'after-exit', 'after-exit',
			{ after: this.r.pick(['2h', '3d']) }])
	}

	trigger(metrics, forAccount) {
		const { r } = this
		const numbers = this.namesOf(metrics, forAccount)
		const times = this.namesOf(metrics, forAccount, ['first', 'last'])
		const beside = () => ({
			...this.maybe(0.25, 'if', () => this.condition(metrics, forAccount)),
			...this.maybe(0.4, 'reenter', () => this.reenter()) })
		const kinds = ['on', 'on']
		for (const [feature, kind, needs] of [['thresholds', 'threshold', numbers],
			['thresholds', 'threshold', numbers], ['stagnant', 'stagnant', numbers],
			['missing', 'missing'], ['idle', 'idle'], ['dates', 'date']])
			if (this.features.has(feature) && (!needs || needs.length > 0))
				kinds.push(kind)
		switch (r.pick(kinds)) {
		case 'threshold': return this.threshold(r.pick(numbers), beside())
		case 'stagnant': return { metric: r.pick(numbers),
			stagnant: r.pick(['6h', '2d', '5d']),
			...this.maybe(0.5, 'gain', () => r.pick([1, 2, 0.5])), ...beside() }
		case 'missing': return { missing: r.pick(EVENTS), after: r.pick(EVENTS),
			within: r.pick(['30m', '5h', '2d']), ...beside() }
		case 'idle': return { idle: r.pick(['3h', '2d', '4d']),
			of: r.pick(EVENTS), ...times.length > 0 &&
				this.maybe(0.5, 'since', () => r.pick(times)), ...beside() }
		case 'date': return { date: r.chance(0.2) && times.length > 0
			? `metric.${r.pick(times)}`
			: forAccount ? 'account.ends_at' : 'user.ends_at',
		...this.maybe(0.7, 'offset', () => r.pick(['-1d', '-3h', '2d', '0s'])),
		...beside() }
		default: return { on: r.pick(EVENTS), ...beside() }
		}
	}

	threshold(metric, beside) {
		const { r } = this
		const isBelow = r.chance(0.5)
		const level = r.pick([1, 2, 3, 5, 38, 40, 41.5])
		const gap = r.pick([0.5, 1, 3])
		return { metric, [isBelow ? 'below' : 'above']: level,
			...this.maybe(0.4, 'rearm', () => isBelow ? level + gap : level - gap),
			...this.maybe(0.25, 'dwell', () => r.pick(['10m', '5h', '2d'])),
			...this.maybe(0.25, 'cooldown', () => r.pick(['6h', '3d'])),
			...this.maybe(0.3, 'baseline', () => r.pick(['skip', 'fire'])),
			...beside }
	}

	hours() {
		const { r } = this
		if (r.chance(0.15)) return 'any'
		const [from, to] = r.pick([['09:00', '11:00'], ['22:00', '06:00'],
			['02:00', '03:00'], ['00:00', '24:00'], ['08:30', '17:00'],
			['02:30', '02:30']])
		return { ...this.maybe(0.6, 'days', () =>
			r.pick(['mon-fri', 'sat,sun', 'any', 'tue,thu', 'fri-mon']
				.filter((days) => days !== 'any'))),
		...r.chance(0.8) && { from, to },
		...this.maybe(0.4, 'timezone', () => r.pick(['user', ...ZONES])) }
	}

	send() {
		const { r } = this
		return r.chance(0.85) ? r.pick(['t1', 't2', 't3']) : ['t1', 't4']
	}

	// What a step does.
	action(metrics, forAccount) {
		const { r } = this
		const shape = r.next()
		const to = () => {
			const one = () => forAccount && r.chance(0.4)
				? { members: this.condition(metrics, false, true) }
				: r.pick(forAccount ? ['account.owner', 'lead']
					: ['user', 'account.owner', 'lead'])
			return r.chance(0.7) ? one() : [one(), 'room']
		}
		const beside = { ...this.maybe(0.25, 'to', to),
			...this.maybe(0.1, 'stop', () => true),
			...this.has('splits', 0.1) && { holdout: r.pick([10, 50]) } }
		if (shape < 0.15 && this.features.has('splits'))
			return { split: r.pick([
				[{ share: 50, send: 't1' }, { share: 50, send: 't2' }],
				[{ name: 'x', share: 30, send: 't1' },
					{ name: 'y', share: 30, send: 't2' },
					{ share: 40, send: ['t3', 't4'] }]]), ...beside }
		if (shape < 0.3)
			return { choose: [{ if: this.condition(metrics, forAccount),
				send: 't1' }, { ...this.maybe(0.5, 'if', () =>
				this.condition(metrics, forAccount)), send: 't2' }], ...beside }
		if (shape < 0.36) return { stop: true }
		return { send: this.send(), ...beside }
	}

	step(metrics, forAccount, id, day) {
		const { r } = this
		const beside = {
			...this.maybe(0.25, 'if', () => this.condition(metrics, forAccount)),
			...this.has('hours', 0.3) && { window: this.hours() } }
		if (this.has('waits', 0.2))
			return { id, wait: { for: r.pick(EVENTS),
				until: r.pick(['2h', '1d', '3d']),
				...this.maybe(0.2, 'if', () => this.condition(metrics, forAccount)),
				...this.maybe(0.6, 'else', () => r.pick(['stop', 'continue', 0]) ||
					this.action(metrics, forAccount)) }, ...beside }
		const shape = r.next()
		const when = shape < 0.55 ? { day }
			: shape < 0.85 || !this.features.has('dates')
				? { after: r.pick(['0s', '30m', '6h', '2d']) }
				: { at: forAccount ? 'account.ends_at' : 'user.ends_at',
					...this.maybe(0.6, 'offset', () => r.pick(['-1d', '6h'])) }
		return { id, ...when, ...this.action(metrics, forAccount), ...beside }
	}

	sequence(metrics) {
		const { r } = this
		const forAccount = this.has('accounts', 0.3)
		const condition = () => this.condition(metrics, forAccount)
		const enters = [this.trigger(metrics, forAccount)]
		if (r.chance(0.25)) {
			const other = this.trigger(metrics, forAccount)
			if (other.on === undefined || other.on !== enters[0].on)
				enters.push(other)
		}
		let day = 0
		const steps = Array.from({ length: this.features.has('steps')
			? r.between(1, 5) : 1 }, (_, i) =>
			this.step(metrics, forAccount, `step-${i}`, i === 0 && r.chance(0.7) ? 0
				: day += r.between(0, 3)))
		return {
			...forAccount && { for: 'account' },
			...this.maybe(0.2, 'topic', () => 'news'),
			enter: enters.length === 1 && r.chance(0.7) ? enters[0] : enters,
			...this.maybe(0.4, 'exit', () => Array.from({ length: r.between(1, 2) },
				() => r.chance(0.5) ? { if: condition() }
					: { on: r.pick(EVENTS), ...this.maybe(0.3, 'if', condition) })),
			...this.maybe(0.2, 'pause', () => [{ on: r.pick(EVENTS),
				for: r.pick(['2h', '3d']), ...this.maybe(0.3, 'if', condition) }]),
			...this.maybe(0.25, 'goal', () => ({ on: r.pick(EVENTS),
				...this.maybe(0.3, 'if', condition),
				...this.maybe(0.7, 'within', () => r.pick(['12h', '10d'])) })),
			...this.has('hours', 0.35) && { window: this.hours() },
			...this.maybe(0.3, 'late', () => ({ ...this.maybe(0.8, 'grace', () =>
				r.pick(['0s', '1h', '3d'])), ...this.maybe(0.4, 'then', () =>
				r.pick(['send', 'skip'])) })),
			...this.has('pins', 0.3) && { edits: 'pin' },
			steps,
		}
	}

	definitions() {
		const metrics = {}, sequences = {}
		for (let n = this.r.between(2, 7); n > 0; n--) this.addMetric(metrics)
		if (this.features.has('sequences'))
			for (let n = this.r.between(1, 3); n > 0; n--)
				sequences[`s${n}`] = this.sequence(metrics)
		return { metrics, sequences }
	}

	// The same with one or two changes.
	edited({ metrics, sequences }) {
		const { r } = this
		const next = { metrics: { ...metrics }, sequences: { ...sequences } }
		for (let n = r.between(1, 2); n > 0; n--) {
			const name = r.pick(Object.keys(next.sequences))
			const shape = r.next()
			if (shape < 0.3) this.addMetric(next.metrics)
			else if (shape < 0.5) this.changeMetric(next.metrics)
			else if (name === undefined) continue
			else if (shape < 0.6) next.sequences.s9 = this.sequence(next.metrics)
			else if (shape < 0.65) delete next.sequences[name]
			else next.sequences[name] =
				this.changeSequence(next.metrics, next.sequences[name])
		}
		return next
	}

	changeMetric(metrics) {
		const { r } = this
		const name = r.pick(Object.keys(metrics))
		const metric = metrics[name]
		const forAccount = metric.for === 'account'
		if (typeof metric.window === 'string')
			metrics[name] = { ...metric, window: this.window() }
		else if (Object.values(metric).some((v) => EVENTS.includes(v)))
			metrics[name] = { ...metric, if: this.eventCondition(forAccount) }
		else if (metric.among !== undefined)
			metrics[name] = { ...metric, among: truth('user.seed') }
	}

	changeSequence(metrics, q) {
		const { r } = this
		const forAccount = q.for === 'account'
		const enters = Array.isArray(q.enter) ? q.enter : [q.enter]
		const steps = [...q.steps]
		switch (r.below(4)) {
		case 0: { // of the way in, what resets nothing, and what does
			const [first, ...rest] = enters
			const level = first.below !== undefined ? 'below' : 'above'
			const changed = r.chance(0.5) || first[level] === undefined
				? { ...first, if: this.condition(metrics, forAccount) }
				: { ...first, [level]: first[level] + (level === 'below' ? -1 : 1) }
			return { ...q, enter: [changed, ...rest] }
		}
		case 1:
			return { ...q, enter: this.trigger(metrics, forAccount) }
		case 2:
			if (steps.length > 1) steps.splice(r.below(steps.length), 1)
			return { ...q, steps }
		default:
			steps.splice(r.below(steps.length + 1), 0, this.step(metrics,
				forAccount, `new-${++this.serial}`, r.between(0, 6)))
			return { ...q, steps }
		}
	}

	// ---------------------------------------------------------------- arrivals

	number(event) {
		const { r } = this
		return event === 'Score' ? 40 + r.between(-12, 12) / 4
			: r.between(-4, 16) / 4
	}

	properties(event) {
		const { r } = this
		const n = this.number(event)
		const dirt = this.has('dirt', 0.15)
		return {
			n: dirt ? r.pick([String(n), 'high', null, true, '', [n], '1e3', '12x',
				1e308, -1.7e308, '1e999', 9007199254740993])
				: n,
			...this.maybe(0.5, 'status', () => r.pick(['ok', 'failed'])),
			...this.maybe(0.7, 'workflow', () =>
				r.pick(['a', 'b', 'c', 5, '5', null, true])),
			...this.maybe(0.3, 'deep', () => ({ n: r.between(0, 8) / 2 })),
		}
	}

	dateTrait(now) {
		const { r } = this
		const ms = now + r.between(-4 * 24, 8 * 24) * HOUR
		return r.pick([
			() => new Date(ms).toISOString().slice(0, 10),
			() => new Date(ms).toISOString().slice(0, 19) + 'Z',
			() => new Date(ms).toISOString().slice(0, 19) + '+05:30',
			() => Math.floor(ms / 1000), () => ms, () => 'soon', () => null])()
	}

	userTraits(now) {
		const { r } = this
		return {
			...this.maybe(0.4, 'plan', () => r.pick(['free', 'pro', null])),
			...this.maybe(0.5, 'seed', () => r.pick([true, true, false, null])),
			...this.maybe(0.3, 'level', () => this.has('dirt', 0.2)
				? r.pick(['3', 'top', null, true, 1e300]) : r.between(0, 12) / 2),
			...this.has('zones', 0.2) &&
				{ timezone: r.pick([...ZONES, 'Mars/Olympus', null, 7]) },
			...this.has('dates', 0.4) && { ends_at: this.dateTrait(now) },
		}
	}

	accountTraits(now) {
		const { r } = this
		return {
			...this.maybe(0.4, 'tier', () => r.pick(['gold', 'tin', null])),
			...this.has('zones', 0.1) && { timezone: r.pick(ZONES) },
			...this.has('dates', 0.3) && { ends_at: this.dateTrait(now) },
		}
	}

	gap() {
		const { r } = this
		const shape = r.next()
		if (shape < 0.15) return 0
		// What definitions speak of, to the millisecond.
		if (shape < 0.3)
			return r.pick([30 * MINUTE, 2 * HOUR, 5 * HOUR, 6 * HOUR, DAY, 2 * DAY,
				3 * DAY])
		if (shape < 0.45) return r.between(1, 30 * 60) * 1000
		if (shape < 0.8) return r.between(1, 24) * HOUR / 2 + r.below(1000)
		return r.between(1, 4 * 24) * HOUR
	}

	// When it happened that is told now.
	moment(now) {
		const { r } = this
		if (this.has('history', 0.05)) return now - DAY - r.between(1, 96) * HOUR
		if (!this.has('disorder', 0.25)) return now
		return r.pick([now - r.between(1, 23 * 60) * MINUTE,
			now - r.between(1, 23) * HOUR, now + 5 * MINUTE, now - DAY])
	}

	arrival(now, users, accounts, earlier) {
		const { r } = this
		const user = r.pick(users)
		const shape = r.next()
		if (accounts.length > 0 && shape < 0.1)
			return { now, user, group: r.pick(accounts), at: this.moment(now),
				...this.maybe(0.5, 'traits', () => this.accountTraits(now)) }
		if (shape < 0.25)
			return { now, user, traits: this.userTraits(now), at: this.moment(now) }
		if (this.has('moves', 0.01)) return { now, forget: user }
		if (earlier.length > 0 && this.has('disorder', 0.05))
			return { ...r.pick(earlier), now }
		const event = r.pick(EVENTS)
		return { now, user, event, at: this.moment(now),
			properties: this.properties(event),
			...accounts.length > 0 && this.has('moves', 0.08) &&
				{ account: r.pick(accounts) } }
	}

	history(length) {
		const { r } = this
		const users = Array.from({ length: r.between(1, 6) }, (_, i) => `u${i}`)
		const accounts = Array.from({ length: this.features.has('accounts')
			? r.below(3) : 0 }, (_, i) => `a${i}`)
		const definitions = [this.definitions()]
		const steps = [], tracks = []
		let now = r.pick(BEGINNINGS) + r.below(24 * 60) * MINUTE
		let sweepAt = -1

		for (let i = 0; i < length; i++) {
			const down = this.has('down', 0.06) && { down: true }
			now += this.gap() + (down ? r.between(0, 60) * HOUR : 0)
			if (i === sweepAt) steps.push({ now, sweep: true })
			if (this.has('reloads', 0.04)) {
				definitions.push(this.edited(definitions.at(-1)))
				steps.push({ now, reload: definitions.length - 1, ...down })
				sweepAt = i + r.pick([1, 1, 4, 12, 30])
				continue
			}
			const step = { ...this.arrival(now, users, accounts, tracks), ...down }
			if (step.event) tracks.push(step)
			steps.push(step)
		}
		steps.push({ now, sweep: true }, { now: now + 20 * DAY })
		return { zone: this.has('zones') ? r.pick(ZONES) : 'UTC', definitions,
			steps }
	}
}

export function randomHistory(seed, { length = 50, without = [] } = {}) {
	const features = new Set(FEATURES.filter((f) => !without.includes(f)))
	return new Author(seed, features).history(length)
}

// As play.c reads it: definitions are files, so they are texts.
export const toLine = (history) => JSON.stringify({ ...history,
	definitions: history.definitions.map(({ metrics, sequences }) => ({
		metrics: JSON.stringify({ metrics }),
		sequences: Object.fromEntries(Object.entries(sequences)
			.map(([name, q]) => [name, JSON.stringify(q)])) })) }) + '\n'
