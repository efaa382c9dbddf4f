#!/bin/sh
# PID 1 of a guest with Linux 2.4: makes it each machine of /facts/scenarios ("NAME WIDTH" a line) and prints the
# probe's facts of it, packed. test/support/facts-guest-2.4.ts makes the disk. iptables is there when one was given.
PATH=/sbin:/bin
export PATH
# The kernel tells of each call that it does not have.
dmesg -n 1
mount -t proc proc /proc
ifconfig lo 127.0.0.1 up
release=$(uname -r)
tree=/lib/modules/$release
place=$tree/kernel/net/ipv4/netfilter

# As it was: nothing loaded, nothing set, every file in its place.
fresh() {
  [ ! -e /sbin/iptables ] || iptables -F
  # shellcheck disable=SC2046 # a number or nothing
  [ ! -e /tmp/caller ] || kill $(cat /tmp/caller) || :
  ! grep '^ipt_TARPIT ' /proc/modules || rmmod ipt_TARPIT
  # shellcheck disable=SC2114 # of the guest
  rm -rf /sbin /boot /lib/iptables /etc "$tree" /var/lib/iptables /tmp/caller
  mkdir -p /sbin /boot /lib/iptables /etc "$place" /var/lib/iptables
  ln -sf "busybox-$width" /bin/busybox
  for program in "/facts/iptables/$1"/*; do
    [ ! -e "$program" ] || ln "$program" /sbin/
  done
  for file in "/facts/extensions/$width"/*.so; do
    # An extension fits one version of iptables, and its file says which.
    case "$(iptables -V 2>&1)" in *" v$(version_of "$file")") ln "$file" /lib/iptables/libipt_TARPIT.so ;; esac
  done
  cp /facts/config "/boot/config-$release"
  printf 'default=tarpit\nimage=/boot/vmlinuz-%s\n\tlabel=tarpit\nimage=/boot/vmlinuz-2.4.18\n\tlabel=old\n' "$release" >/etc/silo.conf
  [ ! -e /facts/ipt_TARPIT.o ] || ln /facts/ipt_TARPIT.o "$place/"
  depmod
}
version_of() { echo "$1" | sed 's/.*iptables-//; s/\.so$//'; }

# What modutils' depmod writes: whole names, and what each module needs.
depmod() {
  : >"$tree/modules.dep"
  [ ! -e "$place/ipt_TARPIT.o" ] || printf '%s:\n\n' "$place/ipt_TARPIT.o" >"$tree/modules.dep"
}

rules() {
  # What callers of this machine's own are answered.
  iptables -A INPUT -i lo -p tcp --sport 23 -j ACCEPT
  iptables -A INPUT -p tcp --dport 22 -j ACCEPT
  "$@"
  iptables -A INPUT -p tcp --dport 23 -j TARPIT
  iptables -A INPUT -j DROP
  iptables-save >/var/lib/iptables/active
  echo ipt_TARPIT >/etc/modules
}

# A rule that iptables ends on with these words.
refused() {
  words=$1
  shift
  case "$(iptables -A INPUT "$@" 2>&1)" in *"$words"*) ;; *) return 1 ;; esac
}

# Someone who calls the port and stays on the line.
stay() {
  nc 127.0.0.1 23 </dev/null >/dev/null 2>&1 &
  echo $! >>/tmp/caller
  sleep 1
}

make() {
  fresh "$2"
  case $1 in
  no-module)
    rm "$place/ipt_TARPIT.o"
    depmod
    return
    ;;
  not-loaded)
    refused "No chain/target/match by that name" -p tcp --dport 23 -j TARPIT
    return
    ;;
  no-depmod)
    : >"$tree/modules.dep"
    return
    ;;
  esac
  [ ! -e "$place/ipt_TARPIT.o" ] || insmod "$place/ipt_TARPIT.o"
  case $1 in
  no-iptables) rm -rf /sbin/iptables* /lib/iptables ;;
  built-in) rm -r "/boot/config-$release" "$tree" ;;
  no-so) rm /lib/iptables/* ;;
  other-so)
    for file in "/facts/extensions/$width"/*.so; do
      cmp_so "$file" || ln -f "$file" /lib/iptables/libipt_TARPIT.so
    done
    ;;
  limit) rules iptables -A INPUT -p icmp -m limit --limit 3/hour -j ACCEPT ;;
  ulog)
    ln /bin/busybox-sparc /sbin/ulogd
    rules iptables -A INPUT -p udp -j ULOG --ulog-nlgroup 1
    printf '[global]\nnlgroup 1\nlogfile /var/log/ulogd.log\nplugin /usr/lib/ulogd/ulogd_BASE.so\n' >/etc/ulogd.conf
    ;;
  log) rules iptables -A INPUT -p tcp -j LOG ;;
  refused) refused "Invalid argument" -p icmp -m limit --limit 3/hour -j ACCEPT ;;
  good | older) rules : ;;
  *) return 1 ;;
  esac
  case $1 in good | older | log | ulog | limit) stay && stay ;; esac
}
cmp_so() { case "$(iptables -V)" in *" v$(version_of "$1")") return 0 ;; esac; return 1; }

while read -r name width kind; do
  (
    set -e
    make "$name" "$kind"
  ) >/tmp/said 2>&1
  # In front of "||" the shell would go on after a failure.
  # shellcheck disable=SC2181
  [ $? = 0 ] || echo "@facts failed"
  sed 's/^/@said /' </tmp/said
  sh /facts/probe.sh >/tmp/facts 2>/tmp/said
  sed 's/^/@probe /' </tmp/said
  echo "@facts begin $name-2.4-$width"
  gzip -9 </tmp/facts | base64
  echo "@facts end"
done </facts/scenarios
echo "@facts done"
while :; do sleep 60; done
