// SPDX-License-Identifier: MIT
// The slow, obvious model of the engine. It keeps everything that ever came and
// works out each value from all of it, at each moment anew: a metric from all
// events, an aggregate from all members, a watch from all that was ever seen of
// what it watches, traits from all identify calls. The only thing it moves from
// state to state is a person's place in a sequence.
//
// run(history) gives what tests/model/play.c prints: one entry for each call of
// the engine, with its decisions, all metrics and the next wake-up.
import { DAY, MINUTE, dayDue, duration, opens } from './calendar.mjs'
import { get } from './conditions.mjs'
import { Rules, listOf } from './definitions.mjs'
import { Subject, View } from './metrics.mjs'
import { followers } from './watches.mjs'

const EVENT_AGE_MAX = DAY
const CANDIDATE_AGE_MAX = 30 * MINUTE

// 64 bits: FNV-1a, then MurmurHash3's finalizer.
function hash(...parts) {
	const mask = (1n << 64n) - 1n
	let h = 14695981039346656037n
	for (const byte of Buffer.from(parts.map((part) => part + '\0').join('')))
		h = ((h ^ BigInt(byte)) * 1099511628211n) & mask
	h = ((h ^ (h >> 33n)) * 0xff51afd7ed558ccdn) & mask
	h = ((h ^ (h >> 33n)) * 0xc4ceb9fe1a85ec53n) & mask
	return h ^ (h >> 33n)
}

class World extends View {
	constructor(history, calls) {
		super(history.zone)
		this.history = history
		this.calls = calls
		this.decisions = []
		this.isSettled = true
		this.isSweeping = false
		this.reload(0)
	}

	reload(index) {
		const before = this.rules
		this.rules = new Rules(this.history.definitions[index], before)
		this.isSettled = (before === undefined || !this.rules.hasNew) &&
			!this.isSweeping
		this.isSweeping = !this.isSettled
		this.stamp++
	}

	find(kind, name) {
		return this.people.find((s) =>
			s.kind === kind && s.name === name && !s.isGone)
	}

	findOrAdd(kind, name) {
		let subject = this.find(kind, name)
		if (subject === undefined) {
			subject = new Subject(kind, name, 0)
			this.people.push(subject)
			this.begin(subject)
		}
		return subject
	}

	// --------------------------------------------------------------- watches

	// Shows the watch what there is to see now. Returns whether it fires.
	see(subject, q, t, event, mode) {
		const read = t.reads && (this.metricsOf(subject)[t.reads]?.() ?? null)
		return this.follow(subject, t, { now: this.now, mode, grace: q.grace,
			event: event && { name: event.name, at: event.at }, value: read,
			since: this.moment(subject, read),
			moment: t.kind !== 'date' ? null : this.moment(subject, t.reads
				? read : get(this.scope(subject), t.date)) })
	}

	// A watch that is not looked at yet only lets go of what was due.
	expire(subject, t) {
		if (subject.seen.has(t.number))
			this.follow(subject, t,
				{ now: this.now, mode: 'past', event: null, isOver: true })
	}

	follow(subject, t, sight) {
		const { sights } = subject.seen.get(t.number) ?? { sights: [] }
		sights.push(sight)
		const { due, fires } = followers[t.kind](
			{ ...t, period: t.period, idle_of: t.of }, sights)
		subject.seen.set(t.number, { sights, due })
		return { fires }
	}

	// What ways in that are gone were shown.
	forgetGone(subject) {
		const numbers = new Set(this.rules.sequences
			.flatMap((q) => q.enters.map((t) => t.number)))
		for (const number of subject.seen.keys())
			if (!numbers.has(number)) subject.seen.delete(number)
	}

	fire(subject, q, t, fires) {
		const value = t.reads && (this.metricsOf(subject)[t.reads]() ?? null)
		const event = t.kind === 'metric'
			? { metric: t.metric, value, threshold: t.below ?? t.above }
			: t.kind === 'stagnant'
				? { metric: t.metric, value, best: fires.best } : null
		const refusal = this.enter(subject, q, t, fires.at, event)
		if (refusal === null) return
		const candidate = subject.candidates.get(q.name)
		if (refusal !== '')
			subject.candidates.set(q.name, { ...candidate,
				noted: this.noteRefusal(subject, q, refusal) })
	}

	watchLook(subject, q, event) {
		for (const t of q.enters.filter((trigger) => trigger.watches)) {
			if (t.number > subject.known) {
				this.expire(subject, t)
				continue
			}
			const { fires } = this.see(subject, q, t, event,
				event?.isHistory ? 'history' : 'now')
			if (fires) this.fire(subject, q, t, fires)
		}
	}

	watchReplay(subject, q, event) {
		for (const t of q.enters)
			if (['missing', 'idle'].includes(t.kind) && t.number > subject.known)
				this.see(subject, q, t, event, 'past')
	}

	// What holds of somebody of whom nothing is known yet is no news.
	begin(subject) {
		if (!this.isBehind(subject)) return
		for (const q of this.sequencesOf(subject)) this.watchBaseline(subject, q, true)
		subject.known = this.rules.newest
		this.setWake(subject)
	}

	watchBaseline(subject, q, isBorn = false) {
		for (const t of q.enters) {
			if (!t.watches || t.number <= subject.known) continue
			const { fires } = this.see(subject, q, t, null,
				t.baseline === 'fire' && !isBorn ? 'now' : 'past')
			if (fires) this.fire(subject, q, t, fires)
		}
	}

	// -------------------------------------------------------------- entering

	decide(subject, what, q, entry, step, why, more) {
		this.decisions.push({ what, for_account: subject.kind === 'account',
			sequence: q.name, entry, step: step?.id ?? null, why, ...more })
	}

	lastEntry(subject, q) {
		const place = subject.places.get(q.name)
		return place ? { entries: place.entry, entered: place.entered,
			exited: place.previous }
			: subject.pasts.get(q.name) ?? { entries: 0 }
	}

	// Why not: a reason, or '' where that needs no saying; null: it may.
	mayEnter(subject, q, t, at, event) {
		const place = subject.places.get(q.name)
		const last = this.lastEntry(subject, q)
		const since = at - last.entered
		const scope = this.scope(subject, { event })

		if (place && !place.isDone) return ''
		if (last.entries > 0) {
			if (t.cooldown && since < duration(t.cooldown)) return 'cooldown'
			if (t.reenter === 'never') return ''
			if (at < last.exited) return 'before the last exit'
			if (t.reenter.after && since < duration(t.reenter.after))
				return 'entered'
		}
		if (q.exits.some((exit) => exit.kind === 'if' && exit.if.holds(scope)))
			return 'would leave'
		return t.if === undefined || t.if.holds(scope) ? null : 'condition'
	}

	// Enters and says so. Returns null, or why not.
	enter(subject, q, t, at, event) {
		const refusal = this.mayEnter(subject, q, t, at, event)
		if (refusal !== null) return refusal
		const place = subject.places.get(q.name)
		if (place) this.leave(subject, place, place.previous)
		const entry = (subject.pasts.get(q.name)?.entries ?? 0) + 1
		subject.places.set(q.name, { sequence: q.name, entry,
			version: q.isPinned ? q.number : 0, entered: at, previous: at,
			event, decided: [], waitsAt: null, due: 0, pausedUntil: 0,
			goalAt: 0, isDone: false })
		this.decide(subject, 'entered', q, entry, null)
		return null
	}

	// Each kind of reason is said at most once a day. Returns what was said since.
	noteRefusal(subject, q, why) {
		const kind = ['would leave', 'condition'].includes(why) ? why : 'not again'
		const before = subject.candidates.get(q.name)?.noted
		const isToday = before !== undefined && this.now - before.since < DAY
		if (isToday && before.kinds.includes(kind)) return before
		this.decide(subject, 'refused', q,
			this.lastEntry(subject, q).entries + 1, null, why)
		return isToday ? { ...before, kinds: [...before.kinds, kind] }
			: { since: this.now, kinds: [kind] }
	}

	// Returns null if it entered, else why not ('' for no reason to say).
	tryEvent(subject, q, event) {
		let refusal = ''
		for (const t of q.enters) {
			if (t.kind !== 'on' || t.on !== event.name) continue
			refusal = this.enter(subject, q, t, event.at, event.properties)
			if (refusal === null) break
		}
		return refusal
	}

	// A refused event is tried again for half an hour when traits come.
	enterByEvent(subject, q, event) {
		const candidate = subject.candidates.get(q.name)
		if (event.name === '') {
			if (candidate?.event && this.now - candidate.event.at <=
				CANDIDATE_AGE_MAX &&
				this.tryEvent(subject, q, candidate.event) === null)
				subject.candidates.delete(q.name)
			return
		}
		const refusal = this.tryEvent(subject, q, event)
		if (refusal !== null && refusal !== '')
			subject.candidates.set(q.name, { event,
				noted: this.noteRefusal(subject, q, refusal) })
	}

	// ---------------------------------------------------------------- places

	leave(subject, place, at) {
		subject.places.delete(place.sequence)
		subject.pasts.set(place.sequence, { entries: place.entry,
			entered: place.entered, exited: at })
	}

	// The definition that the place goes by; none if there is only one of that
	// name that is for the other kind of subject.
	placeSequence(subject, place) {
		return this.rules.versions.get(`${place.sequence} ${place.version}`) ??
			this.sequencesOf(subject).find((q) => q.name === place.sequence)
	}

	fires(subject, t, place, event) {
		if (t.kind === 'on' && (event === null || event.name !== t.on ||
			event.at < place.entered)) return false
		const scope = this.scope(subject, { place,
			event: t.kind === 'on' ? event.properties : null })
		return t.if === undefined || t.if.holds(scope)
	}

	// Returns whether the place is gone.
	takeExits(subject, q, place, event) {
		if (!q.exits.some((exit) => this.fires(subject, exit, place, event)))
			return false
		if (!place.isDone)
			this.decide(subject, 'exited', q, place.entry, null)
		this.leave(subject, place, event?.at ?? this.now)
		return true
	}

	takePauses(subject, q, place, event) {
		for (const pause of q.pauses) {
			const until = event.at + duration(pause.for)
			if (until <= this.now || until <= place.pausedUntil ||
				!this.fires(subject, pause, place, event)) continue
			place.pausedUntil = until
			this.decide(subject, 'paused', q, place.entry, null)
		}
	}

	// What the wait that comes next waits for; later steps count from it.
	takeWaited(subject, q, place, event) {
		const step = this.nextStep(q, place)
		if (step?.wait === undefined || step.wait.for !== event.name ||
			event.at < place.previous) return
		const scope = this.scope(subject, { event: event.properties, place })
		if (step.wait.if !== undefined && !step.wait.if.holds(scope)) return
		this.decide(subject, 'waited', q, place.entry, step, 'came')
		place.decided.push(step.id)
		place.previous = event.at
	}

	takeGoal(subject, q, place, event) {
		if (!q.goal || place.goalAt !== 0 ||
			(q.goal.within !== undefined && duration(q.goal.within) > 0 &&
				event.at - place.entered > q.goal.period) ||
			!this.fires(subject, q.goal, place, event)) return
		this.decide(subject, 'goal', q, place.entry, null)
		place.goalAt = event.at
		if (place.isDone) this.leave(subject, place, place.previous)
	}

	placeLook(subject, q, place, event) {
		if (this.takeExits(subject, q, place, event) || event === null) return
		if (!place.isDone) {
			this.takePauses(subject, q, place, event)
			this.takeWaited(subject, q, place, event)
		}
		this.takeGoal(subject, q, place, event)
	}

	// ----------------------------------------------------------------- steps

	// The first step behind the last that is past.
	nextStep(q, place) {
		const last = q.steps.findLastIndex((s) => place.decided.includes(s.id))
		return q.steps[last + 1]
	}

	zoneOfWindow(subject, step) {
		const own = step.hours?.zone
		return own === undefined || own === 'user' ? this.zone(subject) : own
	}

	// What sends nothing needs no window.
	opens(subject, step, ms) {
		return step.options.length === 0 ? ms
			: opens(step.hours, this.zoneOfWindow(subject, step), ms)
	}

	// When it is due, and when it can be decided; due 0: not known.
	stepMoment(subject, q, place, step) {
		let due
		if (step.wait !== undefined) {
			due = this.opens(subject, step,
				place.previous + duration(step.wait.until))
		} else if (step.day !== undefined) {
			due = dayDue(this.zoneOfWindow(subject, step), place.entered,
				step.day, step.hours)
		} else if (step.at !== undefined) {
			const at = this.moment(subject,
				get(this.scope(subject, { place }), step.at))
			due = at === null ? 0 : this.opens(subject, step,
				at + duration(step.offset ?? '0s'))
		} else {
			due = this.opens(subject, step,
				place.previous + duration(step.after ?? '0s'))
		}
		const at = due !== 0 && due < this.now
			? this.opens(subject, step, this.now) : due
		return { due, at, isLate: !q.sendsLate && at - due > q.grace }
	}

	holds(subject, place, condition) {
		return condition === undefined ||
			condition.holds(this.scope(subject, { place }))
	}

	// What would be sent: an option, or why not.
	option(subject, q, place, step) {
		const drawn = hash(subject.name, q.name, step.id)
		if (Number((drawn >> 32n) % 100n) < step.holdout) return 'holdout'
		if (step.isSplit) {
			const of100 = Number((drawn & 0xffffffffn) % 100n)
			let upto = 0
			const index = step.options.findIndex((o) => of100 < (upto += o.share))
			return { variant: 'abcdefgh'[index], ...step.options[index],
				...(step.options[index].name &&
					{ variant: step.options[index].name }) }
		}
		return step.options.find((o) => this.holds(subject, place, o.if)) ??
			'condition'
	}

	// Steps that the definition puts at the same time.
	areTogether(a, b) {
		if (b.wait !== undefined) return false
		if (b.day !== undefined) return a.day === b.day
		if (b.at !== undefined)
			return a.at === b.at &&
				duration(a.offset ?? '0s') === duration(b.offset ?? '0s')
		return duration(b.after ?? '0s') === 0
	}

	// Of several steps that are due at once only the last that would send does.
	overtaker(subject, q, place, step) {
		let overtaker = null
		if (step.stops) return null
		for (const later of q.steps.slice(q.steps.indexOf(step) + 1)) {
			if (later.wait !== undefined) break
			if (!this.areTogether(step, later)) {
				if (later.day === undefined && later.at === undefined) break
				const m = this.stepMoment(subject, q, place, later)
				if (m.due === 0 || m.at > this.now) break
				if (!m.isLate && later.options.length > 0 &&
					this.holds(subject, place, later.if) &&
					typeof this.option(subject, q, place, later) !== 'string')
					overtaker = later
			}
			if (later.stops && this.holds(subject, place, later.if)) break
		}
		return overtaker
	}

	// Returns null when it sends, else why not.
	send(subject, q, place, step, m) {
		if (m.isLate) return 'late'
		const option = this.option(subject, q, place, step)
		if (typeof option === 'string') return option
		const overtaker = this.overtaker(subject, q, place, step)
		if (overtaker) return `overtaken by ${overtaker.id}`
		for (const template of listOf(option.send))
			step.to.forEach((to, index) =>
				this.decide(subject, 'send', q, place.entry, step, undefined, {
					template, to: typeof to === 'string' ? to : `members:${index}`,
					variant: option.variant ?? null, topic: q.topic, due: m.due,
					expires: q.sendsLate ? 0 : m.due + q.grace,
					event: place.event, entered: place.entered,
					day: this.dayOf(subject, place),
					...(typeof to === 'object' && { members: to.members }) }))
		return null
	}

	// Returns whether the sequence goes on.
	decideStep(subject, q, place, step, m) {
		let refusal = null
		if (step.wait !== undefined)
			this.decide(subject, 'waited', q, place.entry, step, 'no')
		else if (!this.holds(subject, place, step.if))
			refusal = 'condition'
		const applies = refusal === null
		if (applies && step.options.length > 0)
			refusal = this.send(subject, q, place, step, m)
		if (refusal !== null)
			this.decide(subject, 'skipped', q, place.entry, step, refusal)
		place.decided.push(step.id)
		place.previous = this.now
		return !(applies && step.stops)
	}

	// While it is paused nothing is decided, and no wait begins.
	rest(subject, q, place) {
		const step = this.nextStep(q, place)
		const hasBegun = step !== undefined &&
			(step.wait === undefined || place.waitsAt === step.id)
		place.waitsAt = hasBegun ? step.id : null
		place.due = hasBegun ? this.stepMoment(subject, q, place, step).due
			: place.pausedUntil
	}

	advance(subject, q, place) {
		if (place.pausedUntil !== 0 && place.pausedUntil <= this.now) {
			place.pausedUntil = 0
			this.decide(subject, 'resumed', q, place.entry, null)
		}
		if (place.pausedUntil !== 0)
			return this.rest(subject, q, place)
		for (;;) {
			const step = this.nextStep(q, place)
			if (step === undefined)
				return this.finish(subject, q, place, null)
			// The condition of a wait is looked at once, when it begins.
			if (step.wait !== undefined && place.waitsAt !== step.id &&
				!this.holds(subject, place, step.if)) {
				this.decide(subject, 'skipped', q, place.entry, step, 'condition')
				place.decided.push(step.id)
				place.previous = this.now
				continue
			}
			const m = this.stepMoment(subject, q, place, step)
			if (m.due === 0 || (m.at > this.now && !m.isLate)) {
				place.waitsAt = step.id
				place.due = m.at
				return undefined
			}
			if (!this.decideStep(subject, q, place, step, m))
				return this.finish(subject, q, place, step)
		}
	}

	finish(subject, q, place, step) {
		const goalEnd = q.goal ? place.entered + q.goal.period : 0
		this.decide(subject, 'finished', q, place.entry, step)
		if (place.goalAt !== 0 || goalEnd <= this.now) {
			this.leave(subject, place, this.now)
			return
		}
		place.isDone = true
		place.due = goalEnd
		place.previous = this.now
		place.waitsAt = null
	}

	settle(subject, q, place) {
		if (!place.isDone) this.advance(subject, q, place)
		else if (place.due <= this.now)
			this.leave(subject, place, place.previous)
	}

	settleIn(subject, q) {
		const place = subject.places.get(q.name)
		if (place) this.settle(subject, this.placeSequence(subject, place), place)
	}

	// ----------------------------------------------------------------- looks

	sequencesOf(subject) {
		return this.rules.sequences.filter((q) =>
			q.forAccount === (subject.kind === 'account'))
	}

	// An event (null: time has passed, or something changed).
	look(subject, event) {
		if (subject.known < this.rules.newest) {
			this.forgetGone(subject)
			for (const q of this.sequencesOf(subject))
				if (event !== null) this.watchReplay(subject, q, event)
		}
		if (!event?.isHistory) this.lookAtOrphans(subject, event)
		for (const q of this.sequencesOf(subject)) {
			if (event?.isHistory) this.watchLook(subject, q, event)
			else this.sequenceLook(subject, q, event)
		}
		this.setWake(subject)
	}

	// Places whose sequence has no file any more go by the version that they are
	// pinned to, or sleep.
	lookAtOrphans(subject, event) {
		for (const place of [...subject.places.values()]) {
			const { sequence } = place
			if (this.sequencesOf(subject).some((q) => q.name === sequence))
				continue
			const q = this.placeSequence(subject, place)
			if (q === undefined) {
				place.due = 0
				continue
			}
			this.placeLook(subject, q, place, event)
			if (subject.places.get(sequence) === place)
				this.settle(subject, q, place)
		}
	}

	sequenceLook(subject, q, event) {
		const place = subject.places.get(q.name)
		if (place)
			this.placeLook(subject, this.placeSequence(subject, place), place, event)
		const left = subject.places.get(q.name)
		if (event !== null && (left === undefined || left.isDone))
			this.enterByEvent(subject, q, event)
		this.watchLook(subject, q, event)
		this.settleIn(subject, q)
	}

	setWake(subject) {
		const moments = this.nextChange(subject)
		for (const place of subject.places.values())
			moments.push(place.due !== 0 && place.pausedUntil > place.due
				? place.pausedUntil : place.due)
		for (const { due } of subject.seen.values()) moments.push(due)
		subject.wake = Math.min(...moments.filter((ms) => ms !== 0))
		if (subject.wake === Infinity) subject.wake = 0
	}

	// ------------------------------------------------- up to date with rules

	isBehind(subject) {
		return subject.known < this.rules.newest &&
			(subject.kind === 'user' || this.isSettled)
	}

	// Every event that came before counts for what is new.
	replay(user) {
		const account = []
		for (const event of user.events.filter((e) => e.name !== '')) {
			const clean = { ...event, isHistory: false }
			this.count(user, event, user.known)
			for (const q of this.sequencesOf(user))
				this.watchReplay(user, q, clean)
			if (event.account === null) continue
			this.count(event.account, event, user.known)
			for (const q of this.sequencesOf(event.account))
				this.watchReplay(event.account, q, clean)
			account.push(event.account)
		}
		for (const one of account) this.setWake(one)
	}

	wantsReplay(user) {
		return this.rules.metrics.some((m) =>
			m.fedByEvents && m.number > user.known) ||
			this.rules.sequences.some((q) => q.enters.some((t) =>
				['missing', 'idle'].includes(t.kind) && t.number > user.known))
	}

	// The first look at what is new: nothing fires for the past.
	catchUp(subject) {
		if (!this.isBehind(subject)) return
		this.forgetGone(subject)
		for (const q of this.sequencesOf(subject)) {
			this.watchBaseline(subject, q)
			this.settleIn(subject, q)
		}
		subject.known = this.rules.newest
		this.stamp++
		this.setWake(subject)
	}

	// ------------------------------------------------------ calls of the engine

	bringUpToDate(subject) {
		if (subject.kind === 'user' && this.isBehind(subject) &&
			!subject.isReplayed && this.wantsReplay(subject))
			this.replay(subject)
		subject.isReplayed = true
	}

	// The account of the user sees the event unless it is for another one.
	apply(user, event) {
		const { account } = user
		const its = event.account === account ? event : null
		this.bringUpToDate(user)
		this.catchUp(user)
		this.count(user, event, 0)
		if (account) {
			this.catchUp(account)
			if (its) this.count(account, its, 0)
			this.join(user)
		}
		this.look(user, event)
		if (account) this.look(account, its)
		this.show('apply', user, account)
	}

	wake(subject, call) {
		const { account } = subject
		this.bringUpToDate(subject)
		this.catchUp(subject)
		this.look(subject, null)
		if (account && this.join(subject)) this.look(account, null)
		this.show(call, subject, account)
	}

	moveOut(user) {
		const { account } = user
		if (!account) return
		this.bringUpToDate(user)
		const numbers = this.rules.metrics.filter((m) => m.overMembers)
			.map((m) => m.number)
		const had = numbers.some((number) => user.parts.has(number))
		user.parts.clear()
		this.stamp++
		if (had) this.look(account, null)
		user.account = null
		this.show('leave', account, null)
	}

	show(call, subject, account) {
		const subjects = {}
		for (const one of [subject, account].filter(Boolean))
			subjects[one.name] = { wake: one.wake, metrics:
				Object.fromEntries(Object.entries(this.metricsOf(one))
					.map(([name, ask]) => [name, ask()])) }
		for (const decision of this.decisions) {
			if (!decision.members) continue
			const whose = subject.kind === 'account' ? subject : account
			decision.meant = this.members(whose)
				.filter((m) => decision.members.holds(this.scope(m)))
				.map((m) => m.name)
			delete decision.members
		}
		this.calls.push({ now: this.now, call, who: subject.name,
			decisions: this.decisions, subjects })
		this.decisions = []
	}

	// ------------------------------------------------------- what the worker does

	firstDue(by) {
		let first = null
		for (const s of this.people)
			if (!s.isGone && s.wake !== 0 && s.wake <= by &&
				(first === null || s.wake < first.wake)) first = s
		return first
	}

	// Wake-ups until then, each at its time, or all of them late.
	runUntil(until, isDown) {
		this.now = isDown ? until : this.now
		for (let s, n = 0; (s = this.firstDue(until)) !== null;) {
			if (++n > 1000) throw new Error(`${s.name} wakes for ever`)
			this.now = Math.max(this.now, s.wake)
			this.stamp++
			this.wake(s, 'wake')
		}
		this.now = until
		this.stamp++
	}

	sweep() {
		for (const s of this.people)
			if (!s.isGone && s.kind === 'user' && this.isBehind(s))
				this.wake(s, 'sweep')
		this.isSettled = true
		this.isSweeping = false
		for (const s of this.people)
			if (s.kind === 'account' && this.isBehind(s)) this.wake(s, 'sweep')
	}

	arrive(step) {
		const user = this.findOrAdd('user', step.user)
		const call = step.traits && { traits: step.traits, at: Math.min(step.at, this.now) }
		let of = user.account
		if (step.account !== undefined) {
			of = this.findOrAdd('account', step.account)
			user.account ??= of
		} else if (step.group !== undefined) {
			of = this.findOrAdd('account', step.group)
			if (call) of.calls.push(call)
			this.stamp++
			if (user.account !== of) this.moveOut(user)
			user.account = of
		} else if (call) {
			user.calls.push(call)
		}
		this.stamp++
		const event = { name: step.event ?? '', at: Math.min(step.at, this.now),
			properties: step.properties ?? null, account: of,
			isHistory: this.now - step.at > EVENT_AGE_MAX, counts: new Map() }
		this.apply(user, event)
		if (of !== user.account) this.apply(of, event)
	}

	step(step) {
		for (const s of this.people) s.isReplayed = false
		this.runUntil(step.now, step.down === true)
		if (step.reload !== undefined) {
			this.reload(step.reload)
		} else if (step.sweep !== undefined) {
			this.sweep()
		} else if (step.forget !== undefined) {
			const user = this.find('user', step.forget)
			if (user === undefined) return
			this.moveOut(user)
			user.isGone = true
			this.stamp++
		} else if (step.user !== undefined) {
			this.arrive(step)
		}
	}
}

// Adds to `calls`.
export function run(history, calls = []) {
	const world = new World(history, calls)
	for (const step of history.steps) world.step(step)
	return calls
}
