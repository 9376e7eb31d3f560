#!/bin/sh
# Installs the package PACKAGE.deb in a fresh Debian 12, as root, and looks
# whether it works there: it starts, takes an event, writes the mail, has its
# manual pages; installing it again and removing it lose nothing.
#
# The mirror is MIRROR (http://deb.debian.org/debian). What is made is removed.
set -eu

mirror=${MIRROR:-http://deb.debian.org/debian}
package=$(readlink -f "$1")
root=$(mktemp -d /tmp/nudge-package-XXXXXX)
chmod 755 "$root" # for users other than root
worker=

clean_up() {
	[ -z "$worker" ] || kill "$worker" 2>/dev/null || true
	for at in dev/pts proc; do
		mountpoint -q "$root/$at" && umount "$root/$at"
	done
	rm -rf --one-file-system "$root"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

inside() {
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive "$@"
}

# check WHAT COMMAND...: it must succeed.
check() {
	what=$1
	shift
	"$@" >"$root/tmp/out" 2>&1 || {
		cat "$root/tmp/out" >&2
		fail "$what"
	}
	echo "ok: $what"
}

as_nudge() {
	inside runuser -u nudge -- "$@"
}

listens() {
	for _ in $(seq 100); do
		inside curl -fsS http://127.0.0.1:8460/readyz && return
		sleep 0.1
	done
	cat "$root/tmp/log" >&2
	return 1
}

start() {
	chroot "$root" runuser -u nudge -- nudge run -C /var/lib/nudge \
		>"$root/tmp/log" 2>&1 &
	worker=$!
	check 'it starts and is ready' listens
}

stop() {
	inside pkill -TERM -u nudge -x nudge
	wait "$worker" || fail "it ended with $?"
	worker=
	echo 'ok: it stops'
}

sign_up() {
	inside sh -c '. /var/lib/nudge/.env && curl -fsS -u "$NUDGE_WRITE_KEY:" \
		http://127.0.0.1:8460/v1/batch -d "{\"batch\": [
		{\"type\": \"identify\", \"userId\": \"ada\", \"traits\":
		{\"email\": \"ada@example.com\", \"plan\": \"free\"}},
		{\"type\": \"track\", \"userId\": \"ada\", \"event\":
		\"Signed Up\"}]}"'
}

has_mail() {
	for _ in $(seq 100); do
		grep -rq 'ada@example.com' "$root/var/lib/nudge/data/outbox" \
			2>/dev/null && return
		sleep 0.1
	done
	return 1
}

knows_ada() {
	as_nudge nudge person -C /var/lib/nudge ada | grep -q day-00-welcome
}

debootstrap --variant=minbase --include=ca-certificates,curl,procps bookworm \
	"$root" "$mirror" >/dev/null
cp /etc/hosts "$root/etc/hosts"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount -t devpts devpts "$root/dev/pts"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
# Manual pages are left out of containers; these are to be looked at.
rm -f "$root/etc/dpkg/dpkg.cfg.d/"*
cp "$package" "$root/tmp/nudge.deb"

check 'it installs' inside apt-get install -q -y --no-install-recommends \
	/tmp/nudge.deb man-db systemd
check 'it says its version' inside nudge version
check 'nudge(1) is there' inside man -w 1 nudge
check 'nudge.json(5) is there' inside man -w 5 nudge.json
check 'bash completes' inside bash -c \
	'. /usr/share/bash-completion/completions/nudge && complete -p nudge'
check 'the unit has no faults' inside systemd-analyze verify --man=no \
	nudge.service
check 'the unit is hardened' inside systemd-analyze security --offline=true \
	--threshold=15 nudge.service
check 'the workspace is the user'\''s alone' test \
	"$(inside stat -c '%U %a' /var/lib/nudge)" = 'nudge 750'
check 'the workspace has no faults' as_nudge nudge check -C /var/lib/nudge
start
check 'an event is taken' sign_up
check 'its mail is written' has_mail
check 'a person can be looked up' knows_ada
stop
before=$(inside sh -c 'cat /var/lib/nudge/.env /var/lib/nudge/nudge.json |
	sha256sum')
check 'it installs over itself' inside apt-get install -q -y --reinstall \
	/tmp/nudge.deb
check 'settings and keys are as they were' test "$before" = "$(inside sh -c \
	'cat /var/lib/nudge/.env /var/lib/nudge/nudge.json | sha256sum')"
check 'the state is as it was' knows_ada
check 'it can be removed' inside apt-get purge -q -y nudge
check 'the program is gone' test ! -e "$root/usr/bin/nudge"
check 'the state is left' test -s "$root/var/lib/nudge/data/nudge.db"
echo 'all well'
