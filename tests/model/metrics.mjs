// SPDX-License-Identifier: MIT
// What subjects are seen to be: their traits, their metrics, and what conditions
// see of them. Everything is worked out from all events and identify calls.
import { isZone, localDay, momentOf, timeText } from './calendar.mjs'
import { get } from './conditions.mjs'

export class Subject {
	constructor(kind, name, known) {
		this.kind = kind
		this.name = name
		this.known = known // number of the newest definition it is up to date with
		this.account = null // of a user
		this.calls = [] // identify or group: { traits, at }
		this.events = [] // all that came for it, and which metrics they count for
		this.parts = new Map() // of a member: what it adds to which aggregate
		this.seen = new Map() // number of a watch: { sights: all that it was
			// shown, due: when it fires if nothing changes }
		this.places = new Map()
		this.pasts = new Map()
		this.candidates = new Map()
		this.wake = 0
		this.isGone = false
	}

	// A call older than one already taken only adds what is missing.
	get traits() {
		const traits = { id: this.name }
		let newest = 0
		for (const call of this.calls) {
			const isOld = call.at < newest
			newest = Math.max(newest, call.at)
			for (const [key, value] of Object.entries(call.traits)) {
				if (key === 'id' || (isOld && Object.hasOwn(traits, key))) continue
				if (value === null) delete traits[key]
				else traits[key] = value
			}
		}
		return traits
	}
}

// Numbers, and strings that are one; else undefined.
function numberOf(value) {
	if (typeof value === 'number') return value
	if (typeof value !== 'string' ||
		!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)) return undefined
	return Number.isFinite(Number(value)) ? Number(value) : undefined
}

const isScalar = (value) => ['string', 'number', 'boolean'].includes(typeof value)

// Of all people, at one moment.
export class View {
	constructor(zone) {
		this.workspaceZone = zone
		this.people = []
		this.now = 0
		this.serial = 0 // of everything that was counted
		this.stamp = 0 // what was worked out before a change is worked out anew
	}

	members(account) {
		return this.people.filter((s) => s.account === account && !s.isGone)
	}

	zone(subject) {
		const own = subject.traits.timezone
		if (isZone(own)) return own
		return subject.account ? this.zone(subject.account) : this.workspaceZone
	}

	// A trait or metric as a moment; null if it is none.
	moment(subject, value) {
		if (typeof value === 'number')
			return value <= 0 ? null : value > 1e11 ? value : value * 1000
		if (typeof value !== 'string') return null
		if (/^\d{4}-\d\d-\d\d$/.test(value))
			return momentOf(this.zone(subject), Date.parse(value + 'T00:00:00Z'))
		if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d|Z)$/.test(value))
			return Date.parse(value)
		return null
	}

	// What conditions see.
	scope(subject, { event = null, place = null,
		account = subject.account } = {}) {
		if (subject.kind === 'account') account = subject
		return {
			user: subject.kind === 'user' ? () => subject.traits : null,
			account: account && (() => ({ ...account.traits,
				metric: () => this.metricsOf(account) })),
			metric: () => this.metricsOf(subject),
			event: event ?? place?.event ?? null,
			entry: place && (() => ({
				entered_at: timeText(this.zone(subject), place.entered),
				day: this.dayOf(subject, place) })),
		}
	}

	dayOf(subject, place) {
		const zone = this.zone(subject)
		return localDay(zone, this.now) - localDay(zone, place.entered)
	}

	// All metrics of its kind, by name, each worked out when it is asked for.
	metricsOf(subject) {
		const memo = subject.memo
		if (memo?.stamp === this.stamp && memo.now === this.now)
			return memo.values
		const values = {}
		for (const metric of this.rules.metrics) {
			if (metric.forAccount !== (subject.kind === 'account')) continue
			let value
			values[metric.name] = () =>
				value === undefined ? value = this.value(metric, subject) : value
		}
		subject.memo = { stamp: this.stamp, now: this.now, values }
		return values
	}

	value(metric, subject) {
		const isUncounted = metric.forAccount &&
			this.rules.sources(metric.name).some((source) =>
				source.forAccount && source.number > subject.known)
		if (isUncounted) return null
		if (metric.fedByEvents) return this.eventValue(metric, subject)
		if (metric.overMembers) return this.memberValue(metric, subject)
		if (metric.kind === 'trait') return get(subject.traits, metric.trait)
		const scope = this.scope(subject)
		if (metric.kind === 'expr') return metric.expr.ask(scope)
		const items = metric.milestones.map((one) =>
			({ name: one.name, done: one.if.holds(scope) }))
		const done = items.filter((item) => item.done).length
		return { done, total: items.length,
			percent: Math.trunc(done * 100 / items.length),
			next: items.find((item) => !item.done)?.name ?? null, items }
	}

	// The events that count for the metric, in the order of their counting.
	samples(metric, subject) {
		return subject.events
			.filter((event) => event.counts.has(metric.number))
			.sort((a, b) =>
				a.counts.get(metric.number) - b.counts.get(metric.number))
			.map((event) => ({ at: event.at,
				value: metric.of && get(event.properties, metric.of) }))
	}

	// A window has 24 buckets; the one in which its beginning lies counts whole.
	windowed(metric, samples) {
		if (metric.window === 0) return samples
		if (metric.kind === 'distinct')
			return samples.filter((s) => s.at > this.now - metric.window)
		return samples.filter((s) =>
			this.bucketEnd(metric, s.at) > this.now - metric.window)
	}

	bucketEnd(metric, at) {
		return (Math.floor(at / metric.bucket) + 1) * metric.bucket
	}

	eventValue(metric, subject) {
		const samples = this.samples(metric, subject)
		const current = this.windowed(metric, samples)
		const numbers = current.map((s) => numberOf(s.value))
			.filter((n) => n !== undefined)
		const time = (ms) => timeText(this.zone(subject), ms)

		switch (metric.kind) {
		case 'count': return current.length
		case 'sum': return this.total(metric, current).sum
		case 'avg': return this.total(metric, current).mean
		case 'min': return numbers.length > 0 ? Math.min(...numbers) : null
		case 'max': return numbers.length > 0 ? Math.max(...numbers) : null
		case 'first': return samples.length === 0 ? null
			: time(Math.min(...samples.map((s) => s.at)))
		case 'last': return samples.length === 0 ? null
			: time(Math.max(...samples.map((s) => s.at)))
		case 'distinct': return new Set(current.map((s) => s.value)
			.filter(isScalar).map(String)).size
		default: return this.latest(samples)
		}
	}

	// What would bring the sum of a bucket beyond the largest double is ignored;
	// a window whose buckets together do has no value.
	total(metric, samples) {
		const cells = new Map()
		for (const { at, value } of samples) {
			const n = numberOf(value)
			const end = metric.window && this.bucketEnd(metric, at)
			const { sum, count } = cells.get(end) ?? { sum: 0, count: 0 }
			if (n !== undefined && Number.isFinite(sum + n))
				cells.set(end, { sum: sum + n, count: count + 1 })
		}
		const ends = [...cells.keys()].sort((a, b) => a - b)
		const sum = ends.reduce((total, end) => total + cells.get(end).sum, 0)
		const count = ends.reduce((total, end) => total + cells.get(end).count, 0)
		return Number.isFinite(sum)
			? { sum, mean: count > 0 ? sum / count : null }
			: { sum: null, mean: null }
	}

	// Of two at the same moment the one that came later.
	latest(samples) {
		let newest = null
		for (const s of samples)
			if (isScalar(s.value) && String(s.value).length <= 256 &&
				(newest === null || s.at >= newest.at)) newest = s
		return newest && (numberOf(newest.value) ?? newest.value)
	}

	// Over what each member had to add when it was last looked at.
	memberValue(metric, account) {
		const parts = this.members(account).map((m) => m.parts.get(metric.number))
			.filter((part) => part !== undefined)
		const total = parts.reduce((a, b) => a + b, 0)

		switch (metric.kind) {
		case 'count': return parts.length
		case 'sum': return total
		case 'min': return parts.length > 0 ? Math.min(...parts) : null
		case 'max': return parts.length > 0 ? Math.max(...parts) : null
		default: return parts.length > 0 ? total / parts.length : null
		}
	}

	// What the member adds: nothing if it is not among those who count.
	part(metric, member) {
		const scope = this.scope(member)
		if (metric.among && !metric.among.holds(scope)) return undefined
		if (metric.kind === 'share') return metric.share.holds(scope) ? 1 : 0
		if (metric.kind === 'count')
			return metric.count.holds(scope) ? 1 : undefined
		const n = numberOf(metric.what.ask(scope))
		return n !== undefined && Math.abs(n) <= 2 ** 53 ? n : undefined
	}

	// Notes what the member adds now. Returns whether that is anything new.
	join(member) {
		let changed = false
		for (const metric of this.rules.metrics.filter((m) => m.overMembers)) {
			const part = this.part(metric, member)
			changed ||= part !== member.parts.get(metric.number)
			if (part === undefined) member.parts.delete(metric.number)
			else member.parts.set(metric.number, part)
		}
		this.stamp++
		return changed
	}

	// Whether an event counts for a metric is seen when it comes, or, for a
	// metric that is newer, when its user is brought up to date: then the event
	// sees the account that it was for.
	count(subject, event, above, account) {
		const scope = this.scope(subject, { event: event.properties, account })
		for (const metric of this.rules.metrics)
			if (metric.fedByEvents && metric.number > above &&
				metric.forAccount === (subject.kind === 'account') &&
				metric.what === event.name &&
				(metric.if === undefined || metric.if.holds(scope)))
				event.counts.set(metric.number, ++this.serial)
		if (!subject.events.includes(event)) subject.events.push(event)
		this.stamp++
	}

	// When the passing of time alone may change a metric that is watched.
	nextChange(subject) {
		const moments = []
		for (const name of this.rules.watched[subject.kind])
			for (const metric of this.rules.sources(name)) {
				if (metric.window === 0 ||
					metric.forAccount !== (subject.kind === 'account')) continue
				moments.push(...this.leaving(metric, subject))
			}
		return moments.filter((ms) => ms > this.now)
	}

	// The moments at which what is in the window now leaves it.
	leaving(metric, subject) {
		const samples = this.samples(metric, subject).filter((s) =>
			metric.of === undefined ||
			(metric.kind === 'distinct' ? isScalar(s.value)
				: numberOf(s.value) !== undefined))
		if (metric.kind !== 'distinct')
			return samples.map((s) =>
				this.bucketEnd(metric, s.at) + metric.window)
		const newest = new Map()
		for (const s of samples)
			newest.set(String(s.value),
				Math.max(newest.get(String(s.value)) ?? 0, s.at))
		return [...newest.values()].map((at) => at + metric.window)
	}
}
