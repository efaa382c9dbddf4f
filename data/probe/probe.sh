#!/bin/sh
# Prints facts about this machine's TARPIT target; `tarpit-kit verify --facts FILE` judges them.
# usage: sh probe.sh [--no-rules]
# It writes nothing, loads no module and asks no network. Root sees more; what could not be read is said.
#
# The format, version 1 (docs/probe.md): "tarpit-facts 1", records, "@ end". A record is
#   @ NAME       what follows; a file's name is its first line of data
#   |TEXT        data, any bytes
#   |=STATUS     the last line: an exit status, or missing, unreadable, skipped
# Programs it may start, each of which may be missing: cat, find, getconf, grep, gzip, hexdump, id, ls, od,
# printf, sed, uname; and the machine's own iptables, iptables-save, ip6tables-save and modprobe -n.
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
export LC_ALL PATH
rules=yes
[ "${1-}" = --no-rules ] && rules=no

# Where a program is; a shell of 2004, or a small busybox, need not have `command`.
where() {
  at=$(command -v "$1" 2>/dev/null) && return 0
  IFS=:
  for dir in $PATH; do
    if [ -f "$dir/$1" ] && [ -x "$dir/$1" ]; then
      unset IFS
      at=$dir/$1
      return 0
    fi
  done
  unset IFS
  return 1
}
mark() { sed 's/^/|/'; }
none() { printf '@ %s\n|=%s\n' "$1" "$2"; }

# What a command says, its complaints too.
run() {
  name=$1
  shift
  if where "$1"; then
    printf '@ %s\n' "$name"
    { "$@" 2>&1; printf '\n=%s\n' "$?"; } </dev/null | mark
  else
    none "$name" missing
  fi
}

# Missing, unreadable, or there: says the first two.
there() {
  if [ ! -e "$2" ]; then
    none "$1" missing
  elif [ ! -f "$2" ] || [ ! -r "$2" ]; then
    printf '@ %s\n' "$1"
    printf '%s\n=unreadable\n' "$2" | mark
  else
    return 0
  fi
  return 1
}

# A small file, LINES of it at most; one process, or none for one line (where printf is the shell's own).
# A shell may read byte by byte, and below /proc/sys only the first read gets something: a number's first digit.
small() {
  there "$1" "$2" || return 0
  printf '@ %s\n|%s\n' "$1" "$2"
  {
    case ${3-64}$2 in
    1/proc/sys/*) text=$(cat <"$2") && printf '|%s\n' "$text" ;;
    1/*)
      text=
      { IFS= read -r text || :; } <"$2" && printf '|%s\n' "$text"
      ;;
    *)
      sed -n "s/^/|/
${3-64}{
p
q
}
p" <"$2"
      ;;
    esac
  } 2>/dev/null && printf '\n|=0\n' || printf '\n|=unreadable\n'
}

# The lines of a file that a pattern is found in; $2 may be a .gz.
lines() {
  there "$1" "$2" || return 0
  printf '@ %s\n' "$1"
  {
    printf '%s\n' "$2"
    case $2 in
    *.gz) gzip -dc <"$2" 2>/dev/null | grep "$3" ;;
    *) grep "$3" <"$2" ;;
    esac
    case $? in
    0 | 1) printf '\n=0\n' ;;
    *) printf '\n=unreadable\n' ;;
    esac
  } 2>/dev/null | mark
}

# A file's first bytes in hexadecimal. A busybox without one of the two programs often has the other.
dump=hexdump
od -A x -t x1 -N 1 </dev/null >/dev/null 2>&1 && dump='od'
bytes() {
  there "$1" "$2" || return 0
  printf '@ %s\n' "$1"
  {
    printf '%s\n' "$2"
    if [ "$dump" = od ]; then
      # Repeated lines are one asterisk: an extension of sparc64 is a megabyte of zeros.
      od -A x -t x1 -N "$3" <"$2"
    else
      hexdump -v -n "$3" -e '16/1 "%02x " "\n"' <"$2"
    fi
    printf '\n=%s\n' "$?"
  } 2>/dev/null | mark
}

echo 'tarpit-facts 1'
run uid id -u
run uname uname -srm
small uptime /proc/uptime 1
release=$(uname -r 2>/dev/null)
small proc-version /proc/version 1
small os-release /etc/os-release 20
[ -e /etc/os-release ] || small debian-version /etc/debian_version 1
run libc getconf GNU_LIBC_VERSION

# Kernel width: an address has 8 or 16 digits whatever uname says; the values may be hidden, the digits are not.
if [ -r /proc/kallsyms ]; then small symbols /proc/kallsyms 1; else small symbols /proc/ksyms 1; fi
bytes 'elf sh' /bin/sh 64

# What the kernel has, has loaded, and could load.
for at in ip_tables ip6_tables; do
  small "$at targets" "/proc/net/${at}_targets" 256
  small "$at matches" "/proc/net/${at}_matches" 256
  small "$at names" "/proc/net/${at}_names" 16
done
small modules /proc/modules 1024
small 'module srcversion' /sys/module/xt_TARPIT/srcversion 1
small 'module version' /sys/module/xt_TARPIT/version 1
small tarpit /proc/net/tarpit 1
small 'tarpit stat' /proc/net/stat/tarpit 64

tree=/lib/modules/$release
lines modules.dep "$tree/modules.dep" TARPIT
lines modules.alias "$tree/modules.alias" TARPIT
lines modules.builtin "$tree/modules.builtin" 'TARPIT\|x_tables\|nft_compat'
count=0
if [ -d "$tree" ]; then
  find "$tree/" -type f -name '*t_TARPIT.*o*' 2>/dev/null | while IFS= read -r found; do
    case $found in
    *.o | *.ko | *.o.gz | *.ko.gz | *.ko.xz | *.ko.zst) ;;
    *) continue ;;
    esac
    count=$((count + 1))
    [ "$count" -le 4 ] && bytes module "$found" 1048576
  done
fi
# Only programs that are known to take -n for "do nothing": another one might load it.
case $(modprobe -V </dev/null 2>&1) in
kmod* | module-init-tools* | modprobe\ version*)
  case $release in
  2.[0-5].*) run modprobe modprobe -n -v ipt_TARPIT ;;
  *) run modprobe modprobe -n -v xt_TARPIT ;;
  esac
  ;;
*) none modprobe skipped ;;
esac
run kernels ls /boot "/lib/modules"
symbols='^# CONFIG_64BIT\|^CONFIG_64BIT\|CONFIG_COMPAT[ =]\|TARPIT\|XTABLES\|_LEGACY[ =]\|NFT_COMPAT[ =]\|_NF_IPTABLES[ =]\|NF_CONNTRACK[ =]\|NF_TABLES[ =]\|MODULE_SIG\|CONFIG_MODULES[ =]\|CONFIG_SMP[ =]\|CONFIG_PREEMPT\|MODVERSIONS[ =]\|MODULE_UNLOAD[ =]\|CONFIG_NET_NS[ =]\|CONFIG_IPV6[ =]\|CONFIG_NETFILTER[ =]'
config=/proc/config.gz
for at in "$tree/build/.config" "$tree/config" "/boot/config-$release" /proc/config.gz; do
  [ -r "$at" ] && config=$at
done
lines config "$config" "$symbols"

# iptables, and where it looks for extensions.
run iptables iptables -V
run ip6tables ip6tables -V
for name in iptables ip6tables ulogd; do
  where "$name" && bytes "elf $name" "$at" 64
done
count=0
for at in /lib/libxtables.so.* /usr/lib/libxtables.so.* /lib64/libxtables.so.* /usr/lib64/libxtables.so.* \
  /usr/local/lib/libxtables.so.* /usr/lib/*/libxtables.so.*; do
  [ -f "$at" ] || continue
  count=$((count + 1))
  [ "$count" -le 4 ] && bytes 'elf libxtables' "$at" 64
done
printf '@ environment\n'
printf '%s\n' "${XTABLES_LIBDIR-}" "${IPTABLES_LIB_DIR-}" "${IP6TABLES_LIB_DIR-}" '=0' | mark
dirs='/lib/iptables /usr/lib/iptables /usr/local/lib/iptables /lib/xtables /usr/lib/xtables /usr/libexec/xtables
/usr/local/lib/xtables /usr/local/libexec/xtables /lib64/iptables /usr/lib64/iptables /lib64/xtables /usr/lib64/xtables'
set -f
IFS=': 	
'
# shellcheck disable=SC2086 # a colon list
set -- ${XTABLES_LIBDIR-} ${IPTABLES_LIB_DIR-} ${IP6TABLES_LIB_DIR-} $dirs
unset IFS
set +f
count=0
found=0
for dir in "$@" /usr/lib/*/xtables; do
  [ -d "$dir" ] || continue
  count=$((count + 1))
  [ "$count" -le 16 ] || break
  printf '@ directory\n|%s\n' "$dir"
  for name in libxt_standard.so libipt_standard.so libxt_tcp.so libxt_LOG.so libipt_LOG.so libipt_ULOG.so; do
    [ -e "$dir/$name" ] && printf '|%s\n' "$name"
  done
  printf '|=0\n'
  for name in libipt_TARPIT.so libip6t_TARPIT.so libxt_TARPIT.so; do
    [ -e "$dir/$name" ] || continue
    found=$((found + 1))
    if [ "$found" -le 8 ]; then bytes extension "$dir/$name" 2097152; else none extension skipped; fi
  done
done

# Rules: what iptables-save costs and no more; not at all where asking would load a module.
rules_of() {
  if [ "$rules" = no ]; then
    none "rules $1" skipped
  else
    run "rules $1" "$1" -c
  fi
}
loaded() { grep "^$1 " /proc/modules >/dev/null 2>&1 || [ ! -r /proc/modules ]; }
case $(iptables -V </dev/null 2>&1) in
*nf_tables*)
  if loaded nf_tables || [ -e /proc/net/netfilter ]; then rules_of iptables-save; rules_of ip6tables-save; fi
  [ -e /proc/net/ip_tables_names ] && rules_of iptables-legacy-save
  [ -e /proc/net/ip6_tables_names ] && rules_of ip6tables-legacy-save
  ;;
*)
  if [ -e /proc/net/ip_tables_names ]; then rules_of iptables-save; fi
  if [ -e /proc/net/ip6_tables_names ]; then rules_of ip6tables-save; fi
  if loaded nf_tables; then rules_of iptables-nft-save; fi
  ;;
esac

# Connection tracking: counts, never the table.
for at in /proc/sys/net/netfilter/nf_conntrack /proc/sys/net/ipv4/netfilter/ip_conntrack; do
  [ -e "${at}_count" ] && small 'conntrack count' "${at}_count" 1
  [ -e "${at}_max" ] && small 'conntrack max' "${at}_max" 1
done
[ -e /proc/sys/net/ipv4/ip_conntrack_max ] && small 'conntrack max' /proc/sys/net/ipv4/ip_conntrack_max 1
[ -e /proc/net/ip_conntrack ] && lines 'conntrack slab' /proc/slabinfo '^ip_conntrack '

# Logging daemons.
for at in /etc/ulogd.conf /usr/local/etc/ulogd.conf; do
  [ -e "$at" ] && lines ulogd.conf "$at" '^[^#;]*[=]'
done

# What may refuse a module.
small lockdown /sys/kernel/security/lockdown 1
small sig_enforce /sys/module/module/parameters/sig_enforce 1
small modules_disabled /proc/sys/kernel/modules_disabled 1
for at in /sys/firmware/efi/efivars/SecureBoot-*; do
  [ -e "$at" ] && bytes secureboot "$at" 8
done
small cmdline /proc/cmdline 1

# What a reboot brings back.
printf '@ boot\n'
{
  grep -n 'TARPIT' /dev/null /etc/modules /etc/modules.conf /etc/modprobe.conf /etc/modprobe.d/* \
    /etc/modules-load.d/* /usr/lib/modules-load.d/* /lib/modprobe.d/* /etc/initramfs-tools/modules \
    /etc/iptables/* /etc/iptables.rules /etc/iptables.up.rules /etc/sysconfig/iptables /etc/sysconfig/ip6tables \
    /var/lib/iptables/active /etc/network/interfaces /etc/network/if-pre-up.d/* /etc/firewall.user \
    /etc/rc.local /etc/init.d/* /etc/ufw/*.rules /etc/ferm/* /etc/shorewall/* 2>/dev/null
  printf '\n=0\n'
} | mark
printf '@ loaders\n'
{
  grep -n 'vmlinu\|image *=\|^ *default' /dev/null /boot/grub/grub.cfg /boot/grub/menu.lst /etc/silo.conf /boot/silo.conf \
    /etc/lilo.conf /boot/extlinux/extlinux.conf /boot/loader/entries/*.conf 2>/dev/null | sed -n '1,64p'
  printf '\n=0\n'
} | mark
echo '@ end'
