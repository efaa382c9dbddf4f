/** Where things are on a machine: the probe's own lists (data/probe/probe.sh; a test holds them together). */
export const extensionDirectories = [
  "/lib/iptables",
  "/usr/lib/iptables",
  "/usr/local/lib/iptables",
  "/lib/xtables",
  "/usr/lib/xtables",
  "/usr/libexec/xtables",
  "/usr/local/lib/xtables",
  "/usr/local/libexec/xtables",
  "/lib64/iptables",
  "/usr/lib64/iptables",
  "/lib64/xtables",
  "/usr/lib64/xtables",
] as const;

export const extensionFiles = ["libipt_TARPIT.so", "libip6t_TARPIT.so", "libxt_TARPIT.so"] as const;

/** Extensions of iptables itself: where one of them is, iptables looks. */
export const ownExtensions = [
  "libxt_standard.so",
  "libipt_standard.so",
  "libxt_tcp.so",
  "libxt_LOG.so",
  "libipt_LOG.so",
  "libipt_ULOG.so",
] as const;

export const configSymbols =
  /^(# )?CONFIG_(64BIT|COMPAT|\w*TARPIT|\w*XTABLES\w*|\w*_LEGACY|NFT_COMPAT|\w*_NF_IPTABLES|NF_CONNTRACK|NF_TABLES|MODULE_SIG\w*|MODULES|MODULE_UNLOAD|MODVERSIONS|SMP|PREEMPT\w*|NET_NS|IPV6|NETFILTER)[ =]/;

export const savedRules = [
  "/etc/iptables/rules.v4",
  "/etc/iptables/rules.v6",
  "/etc/iptables.rules",
  "/etc/iptables.up.rules",
  "/etc/sysconfig/iptables",
  "/etc/sysconfig/ip6tables",
  "/var/lib/iptables/active",
] as const;

/** Files, and directories with a slash at the end, that a boot reads. */
export const bootFiles = [
  "/etc/modules",
  "/etc/modules.conf",
  "/etc/modprobe.conf",
  "/etc/modprobe.d/",
  "/etc/modules-load.d/",
  "/usr/lib/modules-load.d/",
  "/lib/modprobe.d/",
  "/etc/initramfs-tools/modules",
  "/etc/iptables/",
  "/etc/iptables.rules",
  "/etc/iptables.up.rules",
  "/etc/sysconfig/iptables",
  "/etc/sysconfig/ip6tables",
  "/var/lib/iptables/active",
  "/etc/network/interfaces",
  "/etc/network/if-pre-up.d/",
  "/etc/firewall.user",
  "/etc/rc.local",
  "/etc/init.d/",
  "/etc/ferm/",
  "/etc/shorewall/",
] as const;

export const loaderFiles = [
  "/boot/grub/grub.cfg",
  "/boot/grub/menu.lst",
  "/etc/silo.conf",
  "/boot/silo.conf",
  "/etc/lilo.conf",
  "/boot/extlinux/extlinux.conf",
  "/boot/loader/entries/",
] as const;
