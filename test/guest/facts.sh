#!/bin/sh
# facts.sh SCENARIO ABI: makes the guest the machine of that name, and prints the probe's facts of it, packed.
# test/support/facts-guest.ts puts it, the probe and what it changes into the guest.
scenario=$1 abi=$2
PATH=/usr/sbin:/bin:/sbin
LD_LIBRARY_PATH=/abi/$abi/lib
export PATH LD_LIBRARY_PATH
{
  set -e
  release=$(uname -r)
  tree=/lib/modules/$release

  # As it was: nothing loaded, nothing set, every file in its place.
  rm -rf /usr/lib /usr/sbin /etc/ulogd.conf /etc/iptables /etc/modules-load.d /etc/silo.conf
  mkdir -p /usr/lib/xtables /etc/iptables /etc/modules-load.d
  ln -s "/abi/$abi/bin" /usr/sbin
  ln -s "/abi/$abi/lib/libxtables.so.12" /usr/lib/
  for table in filter raw; do
    # Without the translation layer a 32-bit iptables can do nothing.
    [ "$scenario" = compat-off ] || iptables -t $table -F
  done
  [ -e /facts/no-module.list ] && while read -r file; do mv "/facts/away$file" "$file"; done </facts/no-module.list
  rm -f /facts/no-module.list
  cp /facts/modules.dep "$tree/modules.dep"
  cp "/abi/$abi/xtables/"lib*_TARPIT.so /usr/lib/xtables/
  printf 'default=tarpit\nimage=/boot/vmlinuz-%s\n\tlabel=tarpit\nimage=/boot/vmlinuz-2.4.27\n\tlabel=old\n' "$release" >/etc/silo.conf

  rules() {
    iptables -t raw -A PREROUTING -p tcp --dport 23 -j CT --notrack
    iptables -A INPUT -p tcp --dport 22 -j ACCEPT
    "$@"
    iptables -A INPUT -p tcp --dport 23 -j TARPIT
    iptables -A INPUT -j DROP
    iptables-save >/etc/iptables/rules.v4
    echo xt_TARPIT >/etc/modules-load.d/tarpit.conf
  }

  case $scenario in
  good) rules : ;;
  limit) rules iptables -A INPUT -p icmp -m limit --limit 3/hour -j ACCEPT ;;
  nflog) rules iptables -A INPUT -p udp -m limit --limit 3/hour -j NFLOG --nflog-group 1 ;;
  log)
    rules iptables -A INPUT -p tcp -j LOG
    # Two connections over loopback.
    nc -w 1 127.0.0.1 23 </dev/null || :
    nc -w 1 127.0.0.1 23 </dev/null || :
    ;;
  no-so) rm /usr/lib/xtables/* ;;
  other-width)
    rm /usr/lib/xtables/*
    cp /abi/sparc/xtables/lib*_TARPIT.so /usr/lib/xtables/
    ;;
  stale) cp /facts/stale.so /usr/lib/xtables/libipt_TARPIT.so ;;
  no-module)
    rmmod xt_TARPIT || :
    find "$tree" /modules -name 'xt_TARPIT.ko' >/facts/no-module.list
    while read -r file; do
      mkdir -p "/facts/away${file%/*}"
      mv "$file" "/facts/away$file"
    done </facts/no-module.list
    sed '/TARPIT/d' /facts/modules.dep >"$tree/modules.dep"
    ;;
  ulog)
    # Linux 3.17 removed it: the rule is refused, the daemon of before is still there.
    cp "/abi/$abi/bin/xtables-legacy-multi" /bin/ulogd
    printf '[global]\nlogfile="/var/log/ulogd.log"\nplugin="/usr/lib/ulogd/ulogd_inppkt_ULOG.so"\nstack=ulog1:ULOG,base1:BASE\n' >/etc/ulogd.conf
    iptables -A INPUT -p tcp -j ULOG && exit 1
    rules :
    ;;
  compat-off) ;;
  *) exit 2 ;;
  esac
} >/tmp/said 2>&1 || { cat /tmp/said; exit 1; }
sh /facts/probe.sh >/tmp/facts 2>/tmp/said
rm -f /bin/ulogd
[ -s /tmp/said ] && { cat /tmp/said; exit 1; }
gzip -9 </tmp/facts | base64
