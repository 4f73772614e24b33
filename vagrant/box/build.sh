#!/bin/sh
# Builds a Vagrant box for libvirt out of Debian packages alone: nothing but the Debian mirror of this host is asked.
#
#   sudo vagrant/box/build.sh [bookworm|trixie] [FILE]        then: vagrant box add --name kijabi-debian FILE
#
# Needs root, debootstrap, e2fsprogs, parted, grub-pc-bin, grub-common, qemu-utils, vagrant (for its public key, unless KIJABI_BOX_KEY names one).
# Works in a scratch directory, mounts nothing, and takes some minutes. eth0 is Vagrant's own; the others are left to it.
set -eu
release=${1:-bookworm}
out=$(realpath -m -- "${2:-kijabi-$release.box}")
case $release in
  bookworm | trixie) ;;
  *) echo "build.sh: want bookworm or trixie, got $release" >&2 && exit 2 ;;
esac
key=${KIJABI_BOX_KEY:-$(find /usr/share -path '*/keys/vagrant.pub' 2>/dev/null | head -n 1)}
for tool in debootstrap mkfs.ext4 parted grub-mkimage qemu-img tar; do
  command -v "$tool" >/dev/null || { echo "build.sh: $tool is missing" >&2 && exit 1; }
done
[ "$(id -u)" = 0 ] || { echo 'build.sh: only root can' >&2 && exit 1; }
[ -r "$key" ] || { echo 'build.sh: no public key for the user vagrant: name one in KIJABI_BOX_KEY' >&2 && exit 1; }
case $(dpkg --print-architecture) in
  amd64) kernel=linux-image-cloud-amd64 ;;
  *) echo 'build.sh: only amd64 boots by the means of this script' >&2 && exit 1 ;;
esac

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
root=$dir/root
packages=systemd,systemd-sysv,systemd-timesyncd,systemd-resolved,udev,dbus,openssh-server,sudo,kmod,procps,iproute2,iputils-ping
packages=$packages,ca-certificates,curl,rsync,less,zstd,initramfs-tools,$kernel
# What Kijabi depends on is in the box, so that it installs offline.
packages=$packages,containerd,runc,containernetworking-plugins,iptables,nftables,ipset,ipvsadm,conntrack,libatomic1,libstdc++6
debootstrap --variant=minbase --include="$packages" "$release" "$root"

chroot "$root" useradd --create-home --shell /bin/bash vagrant
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/vagrant"
chmod 440 "$root/etc/sudoers.d/vagrant"
install -d -m 700 "$root/home/vagrant/.ssh"
install -m 600 "$key" "$root/home/vagrant/.ssh/authorized_keys"
chroot "$root" chown -R vagrant: /home/vagrant
printf 'UseDNS no\nPasswordAuthentication no\n' >"$root/etc/ssh/sshd_config.d/vagrant.conf"
# Machines differ: identity comes with the first boot, the address by the hardware's.
: >"$root/etc/machine-id"
rm -f "$root"/etc/ssh/ssh_host_*_key*
cat >"$root/etc/systemd/system/ssh-keys.service" <<'UNIT'
[Unit]
Description=Host keys of this machine
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
UNIT
printf '[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n\n[DHCPv4]\nClientIdentifier=mac\n' >"$root/etc/systemd/network/10-eth0.network"
chroot "$root" systemctl enable --quiet ssh-keys.service systemd-networkd.service systemd-timesyncd.service systemd-resolved.service
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
echo kijabi >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 kijabi\n::1 localhost\n' >"$root/etc/hosts"
echo '/dev/vda1 / ext4 defaults 0 1' >"$root/etc/fstab"
chroot "$root" apt-get clean

vmlinuz=$(basename "$root"/boot/vmlinuz-*)
initrd=$(basename "$root"/boot/initrd.img-*)
mkdir -p "$root/boot/grub"
cat >"$root/boot/grub/grub.cfg" <<GRUB
set timeout=0
linux /boot/$vmlinuz root=/dev/vda1 rw console=ttyS0 net.ifnames=0 quiet
initrd /boot/$initrd
boot
GRUB

# A partition made of the directory, behind the sectors that the boot loader lies in: no loop device, no mount.
truncate -s 9G "$dir/part"
mkfs.ext4 -q -F -L root -E root_owner=0:0 -d "$root" "$dir/part"
truncate -s 10G "$dir/disk"
parted -s "$dir/disk" mklabel msdos mkpart primary ext4 1MiB 9217MiB set 1 boot on
dd if="$dir/part" of="$dir/disk" bs=1M seek=1 conv=notrunc,sparse status=none
rm "$dir/part"
grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -o "$dir/core" biosdisk part_msdos ext2 normal linux boot configfile
dd if=/usr/lib/grub/i386-pc/boot.img of="$dir/disk" bs=440 count=1 conv=notrunc status=none
dd if="$dir/core" of="$dir/disk" bs=512 seek=1 conv=notrunc status=none

mkdir "$dir/box"
qemu-img convert -c -O qcow2 "$dir/disk" "$dir/box/box.img"
echo '{"provider": "libvirt", "format": "qcow2", "virtual_size": 10}' >"$dir/box/metadata.json"
: >"$dir/box/Vagrantfile"
tar -C "$dir/box" -cf "$out" metadata.json Vagrantfile box.img
echo "vagrant box add --name kijabi-debian $out"
