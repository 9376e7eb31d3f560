// Who turns out to be whom: histories by chance, in batches by chance, against
// a reference that knows of no store, no turn and no batch.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { Worker, workspace, writeJson } from './lib.mjs'

const metrics = {
	n: { count: 'E' },
	all: { for: 'account', sum: 'metric.n' },
	most: { for: 'account', max: 'metric.n' },
	members: { for: 'account', count: 'user.id' },
}

// The same numbers for the same seed.
const chance = (seed) => (n) => {
	seed = (seed * 1103515245 + 12345) & 0x7fffffff
	return (seed >> 8) % n
}

// 25 calls of four users on four devices in two accounts.
function history(round, pick) {
	const id = (kind, n) => `${round}-${kind}${pick(n)}`
	return Array.from({ length: 25 }, (_, i) => {
		const call = { messageId: `${round}-${i}`,
			timestamp: new Date(Date.UTC(2026, 0, 1) + i * 1000).toISOString() }
		const userId = id('u', 4), anonymousId = id('a', 4)
		const kind = pick(10)
		if (kind < 5)
			Object.assign(call, { type: 'track', event: 'E' },
				[{ userId }, { anonymousId }, { userId, anonymousId }][pick(3)])
		else if (kind < 7)
			Object.assign(call, { type: 'identify', userId, anonymousId })
		else if (kind < 9)
			Object.assign(call, { type: 'group', userId, groupId: id('g', 2) })
		else
			Object.assign(call, { type: 'alias', userId, previousId: id('ua'[pick(2)], 4) })
		return call
	})
}

class Reference {
	people = new Set()
	users = new Map()
	devices = new Map()

	add() {
		const person = { n: 0, account: null, isKnown: false }
		this.people.add(person)
		return person
	}

	merge(from, into) {
		into.n += from.n
		into.account ??= from.account
		this.people.delete(from)
		for (const names of [this.users, this.devices])
			for (const [name, person] of names)
				if (person === from) names.set(name, into)
	}

	who({ type, userId, anonymousId }) {
		const says = type === 'identify' || type === 'alias'
		const visitor = this.devices.get(anonymousId)
		const isNew = visitor && !visitor.isKnown && says
		if (!userId) {
			if (!visitor) this.devices.set(anonymousId, this.add())
			return this.devices.get(anonymousId)
		}
		if (!this.users.has(userId)) this.users.set(userId, isNew ? visitor : this.add())
		const user = this.users.get(userId)
		user.isKnown = true
		if (!anonymousId) return user
		if (isNew && visitor !== user) this.merge(visitor, user)
		if (!visitor || visitor.isKnown || says) this.devices.set(anonymousId, user)
		return user
	}

	take(call) {
		const user = this.who(call), { type, previousId } = call
		if (type === 'track') user.n++
		if (type === 'group') user.account = call.groupId
		if (type !== 'alias') return
		const known = this.users.get(previousId), visitor = this.devices.get(previousId)
		if (known && known !== user) this.merge(known, user)
		if (visitor && visitor !== user && visitor !== known && !visitor.isKnown)
			this.merge(visitor, user)
		if (!known) this.devices.set(previousId, user)
	}

	account(id) {
		const counts = [...this.people].filter((p) => p.account === id).map((p) => p.n)
		return { all: counts.reduce((sum, n) => sum + n, 0), members: counts.length,
			most: counts.length > 0 ? Math.max(...counts) : undefined }
	}
}

async function play(worker, round, pick) {
	const reference = new Reference(), calls = history(round, pick)
	const told = JSON.stringify(calls)
	for (let from = 0, n; from < calls.length; from += n) {
		n = 1 + pick(8)
		await worker.events(...calls.slice(from, from + n))
	}
	for (const call of calls) reference.take(call)
	// asked for by its name, a user comes before a device
	for (const [id, person] of new Map([...reference.devices, ...reference.users])) {
		const { metrics: { n }, account } = await worker.person(id)
		assert.deepEqual({ id, n: n ?? 0, account: account ?? null },
			{ id, n: person.n, account: person.account }, told)
	}
	for (const id of new Set([...reference.people].map((p) => p.account).filter(Boolean))) {
		const { metrics: { all, members, most } } = await worker.get(`/v1/accounts/${id}`)
		assert.deepEqual({ id, all, members, most }, { id, ...reference.account(id) }, told)
	}
}

test('merges by chance: nobody and nothing is lost or counted twice', async (t) => {
	const worker = await Worker.start(t, await workspace(t, (settings, dir) => {
		for (const folder of ['sequences', 'scenarios', 'templates']) {
			fs.rmSync(path.join(dir, folder), { recursive: true, force: true })
			fs.mkdirSync(path.join(dir, folder))
		}
		writeJson(path.join(dir, 'metrics.json'), { metrics })
	}))
	const pick = chance(1)
	for (let round = 0; round < 40; round++) await play(worker, `r${round}`, pick)
})
