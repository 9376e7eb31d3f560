// SPDX-License-Identifier: MIT
// Definitions as the model reads them, and which number each has.
import { duration, windowOf } from './calendar.mjs'
import { Pair } from './conditions.mjs'

const BUCKETS = 24 // of a window
const EVENT_KINDS = ['count', 'sum', 'min', 'max', 'avg', 'latest', 'first',
	'last', 'distinct']
const KINDS = [...EVENT_KINDS, 'trait', 'expr', 'milestones', 'share']

const canonical = (value) => JSON.stringify(value, (key, v) =>
	v !== null && typeof v === 'object' && !Array.isArray(v) &&
	!(v instanceof Pair)
		? Object.fromEntries(Object.keys(v).sort().map((k) => [k, v[k]])) : v)
export const listOf = (value) =>
	value === undefined ? [] : Array.isArray(value) ? value : [value]

class Metric {
	constructor(name, definition) {
		Object.assign(this, definition)
		this.name = name
		this.kind = KINDS.find((kind) => definition[kind] !== undefined)
		this.what = definition[this.kind]
		this.forAccount = definition.for === 'account'
		// An aggregate over members is one whose value is an expression.
		this.overMembers = this.forAccount && this.what instanceof Pair &&
			this.kind !== 'expr'
		this.fedByEvents = EVENT_KINDS.includes(this.kind) && !this.overMembers
		this.window = definition.window === undefined ? 0
			: duration(definition.window)
		this.text = canonical(definition)
		this.needs = [...this.text.matchAll(/(?<![.\w])metric\.(\w+)/g)]
			.map((match) => match[1])
		this.number = 0
	}

	get bucket() {
		return Math.ceil(this.window / BUCKETS)
	}
}

class Trigger {
	constructor(definition) {
		Object.assign(this, definition)
		this.kind = ['on', 'stagnant', 'metric', 'missing', 'idle', 'date']
			.find((kind) => definition[kind] !== undefined) ?? 'if'
		this.watches = !['on', 'if'].includes(this.kind)
		this.reads = this.kind === 'idle' ? definition.since
			: this.kind === 'date'
				? /^metric\.(\w+)$/.exec(definition.date)?.[1]
				: definition.metric
		this.reenter = definition.reenter ??
			(['on', 'missing'].includes(this.kind) ? 'never' : 'after-exit')
		const { if: _, reenter, cooldown, baseline, ...rest } = definition
		this.text = canonical(rest)
		this.number = 0
	}

	get period() {
		return duration(this.dwell ?? this.stagnant ?? this.within ??
			this.idle ?? this.offset ?? '0s')
	}
}

class Step {
	constructor(definition, sequence) {
		Object.assign(this, definition)
		// What it does stands in the `else` of a wait.
		const action = definition.wait === undefined ? definition
			: typeof definition.wait.else === 'object' ? definition.wait.else
				: { stop: definition.wait.else === 'stop' || undefined }
		this.options = action.send !== undefined ? [{ send: action.send }]
			: action.choose ?? action.split ?? []
		this.isSplit = action.split !== undefined
		this.holdout = action.holdout ?? 0
		this.stops = action.stop === true
		this.to = listOf(action.to ??
			(sequence.forAccount ? 'account.owner' : 'user'))
		const own = windowOf(definition.window)
		this.hours = own === undefined ? sequence.hours : own
	}
}

class Sequence {
	constructor(name, definition) {
		this.name = name
		this.forAccount = definition.for === 'account'
		this.topic = definition.topic ?? null
		this.enters = listOf(definition.enter).map((t) => new Trigger(t))
		// Two that differ in their conditions only are seen apart.
		this.enters.forEach((t, i) => {
			while (this.enters.slice(0, i).some((other) => other.text === t.text))
				t.text += ' again'
		})
		this.exits = listOf(definition.exit).map((t) => new Trigger(t))
		this.pauses = listOf(definition.pause).map((t) => new Trigger(t))
		this.goal = definition.goal && new Trigger(definition.goal)
		this.hours = windowOf(definition.window) ?? null
		this.grace = duration(definition.late?.grace ?? '24h')
		this.sendsLate = definition.late?.then === 'send'
		this.isPinned = definition.edits === 'pin'
		this.steps = definition.steps.map((s) => new Step(s, this))
		this.text = canonical(definition)
		this.number = 0
	}
}

const byName = (a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0

// Definitions keep their number as long as they say the same, in this reload
// and the one before; others get the next.
export class Rules {
	constructor(definitions, before) {
		this.metrics = Object.entries(definitions.metrics)
			.map(([name, metric]) => new Metric(name, metric)).sort(byName)
		this.sequences = Object.entries(definitions.sequences)
			.map(([name, q]) => new Sequence(name, q)).sort(byName)
		this.numbers = new Map()
		this.allSources = new Map()
		this.newest = before?.newest ?? 0
		this.hasNew = false
		this.versions = new Map(before?.versions)
		for (const metric of this.metrics) this.numberMetric(metric, before)
		for (const q of this.sequences) {
			q.number = this.take(`sequence ${q.name} ${q.text}`, before)
			for (const t of q.enters.filter((trigger) => trigger.watches))
				t.number = this.take(`watch ${q.name} ${t.text} ` +
					(t.reads === undefined ? '' : this.sourceText(t.reads)), before)
			if (q.isPinned) this.versions.set(`${q.name} ${q.number}`, q)
		}
		this.noteGone(before)
		this.watched = { user: new Set(), account: new Set() }
		for (const m of this.metrics.filter((metric) => metric.overMembers))
			for (const name of m.needs) this.watched.user.add(name)
		for (const q of this.sequences)
			for (const t of q.enters.filter((trigger) => trigger.reads))
				this.watched[q.forAccount ? 'account' : 'user'].add(t.reads)
	}

	// What is gone is something new to whoever still has a trace of it.
	noteGone(before) {
		if ([...before?.numbers.keys() ?? []].every((k) => this.numbers.has(k)))
			return
		this.hasNew = true
		this.newest++
	}

	take(key, before) {
		const number = this.numbers.get(key) ?? before?.numbers.get(key)
		if (number === undefined) this.hasNew = true
		this.numbers.set(key, number ?? ++this.newest)
		return this.numbers.get(key)
	}

	numberMetric(metric, before) {
		if (metric.number > 0 || (!metric.fedByEvents && !metric.overMembers))
			return
		const others = this.sources(metric.name).filter((m) => m !== metric)
		for (const other of others) this.numberMetric(other, before)
		metric.number = this.take(`metric ${metric.name} ${metric.text} ` +
			others.map((m) => `${m.name} ${m.number || m.text}`), before)
	}

	metric(name) {
		return this.metrics.find((m) => m.name === name)
	}

	sequence(name) {
		return this.sequences.find((q) => q.name === name)
	}

	// The metric and all that it is worked out of.
	sources(name) {
		if (!this.allSources.has(name)) {
			const found = new Set([name])
			for (const one of found)
				for (const need of this.metric(one).needs) found.add(need)
			this.allSources.set(name,
				[...found].sort().map((one) => this.metric(one)))
		}
		return this.allSources.get(name)
	}

	sourceText(name) {
		return this.sources(name).map((m) => `${m.name} ${m.number || m.text}`)
			.join(' ')
	}
}
