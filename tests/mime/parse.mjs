// SPDX-License-Identifier: MIT
// Mails of compose on standard input: does mailparser read exactly what went in?
import { domainToASCII } from 'node:url'
import libmime from 'libmime'
import { MailParser } from 'mailparser'

// Says where two texts part, as a mail may be long.
function same(what, found, expected) {
	if (found === expected) return
	let at = 0
	if (typeof found === 'string' && typeof expected === 'string') {
		while (found[at] === expected[at]) at++
		at = Math.max(at - 30, 0)
		found = found.slice(at, at + 60)
		expected = expected.slice(at, at + 60)
	}
	throw new Error(`${what}: ${JSON.stringify(found)} in place of ${JSON.stringify(expected)}`)
}

// Line ends are the mail's own, and the last line has one.
function linesOf(text) {
	const lines = text.replace(/\r\n?/g, '\n')
	return lines === '' || lines.endsWith('\n') ? lines : lines + '\n'
}

function toAscii(address) {
	const at = address.lastIndexOf('@') + 1
	return address.slice(0, at) + domainToASCII(address.slice(at))
}

// What the parser tells of a mail: headers, and the parts as they are.
function read(raw) {
	return new Promise((resolve, reject) => {
		const parser = new MailParser({ skipHtmlToText: true, skipTextToHtml: true,
			skipImageLinks: true, skipTextLinks: true })
		const mail = { parts: {} }
		parser.on('headers', (headers) => { mail.headers = headers })
		parser.on('data', (data) => {
			if (data.type === 'text') mail.parts = data
			else reject(new Error(`there is an attachment: ${data.filename}`))
		})
		parser.on('error', reject)
		parser.on('end', () => resolve(mail))
		parser.end(raw)
	})
}

function checkMailbox(headers, name, [display, address]) {
	if (address === null) return same(name, headers.has(name), false)
	const { value } = headers.get(name)
	same(name, value.length, 1)
	same(name, value[0].name, display)
	same(name, toAscii(value[0].address).toLowerCase(), toAscii(address).toLowerCase())
}

function check({ headers, parts }, wentIn) {
	checkMailbox(headers, 'from', wentIn.from)
	checkMailbox(headers, 'to', wentIn.to)
	checkMailbox(headers, 'reply-to', wentIn.reply_to)
	same('subject', headers.get('subject') ?? '', wentIn.subject)
	same('message-id', headers.get('message-id'), `<${wentIn.message_id}>`)
	same('date', headers.get('date').getTime(), wentIn.date_ms)
	same('x-extra', libmime.decodeWords(headers.get('x-extra') ?? ''), wentIn.extra ?? '')
	same('feedback-id', headers.get('feedback-id') ?? null, wentIn.feedback)
	const { unsubscribe, id } = headers.get('list') ?? {}
	same('list-unsubscribe', unsubscribe?.url ?? null, wentIn.unsubscribe)
	if (wentIn.list) {
		same('list-id', id.id, 'onboarding.example.com')
		same('list-id', libmime.decodeWords(id.name), wentIn.list)
	}
	// an empty part has a line for it
	same('text', parts.text ?? '', linesOf(wentIn.text || (parts.text && '\n') || ''))
	same('html', parts.html || '', linesOf(wentIn.html ?? ''))
}

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const all = Buffer.concat(chunks)
let count = 0, failed = 0
for (let at = 0; at < all.length; count++) {
	const end = all.indexOf('\n', at) + 1
	const wentIn = JSON.parse(all.subarray(at, end))
	at = end + wentIn.octets
	try {
		check(await read(all.subarray(end, at)), wentIn)
	} catch (why) {
		console.error(`seed ${wentIn.seed}: ${why.message}`)
		failed++
	}
}
console.log(`mailparser: ${count - failed} of ${count} mails as they went in`)
process.exitCode = failed > 0 ? 1 : 0
