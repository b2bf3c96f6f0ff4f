import type { WallAttack } from "./attack.ts";

/** Ways to a network that is not there: raw and packet sockets, hypervisor sockets, datagrams, metadata services. */
export const sockets: WallAttack = {
  name: "sockets",
  perl: String.raw`
    for ([vsock => 40, 1, 0], [vsock_datagram => 40, 2, 0], [raw => 2, 3, 1], [raw_any => 2, 3, 255], [packet => 17, 3, 768], [route => 16, 3, 0], [audit => 16, 3, 9], [uevent => 16, 3, 15], [crypto => 38, 5, 0], [bluetooth => 31, 3, 0], [can => 29, 3, 1], [tipc => 30, 1, 0], [xdp => 44, 3, 0], [rds => 21, 5, 0], [kcm => 41, 2, 0]) {
      my ($name, @how) = @$_;
      attempt "$name socket", sub { socket(my $s, $how[0], $how[1], $how[2]) or die "$!"; "opened" };
    }
    for my $to (["169.254.169.254", 80], ["100.100.100.200", 80], ["10.0.0.1", 80], ["192.168.1.1", 53], ["1.1.1.1", 53], ["8.8.8.8", 443]) {
      my ($host, $port) = @$to;
      attempt "connect $host", sub { alarm 2; socket(my $s, AF_INET, SOCK_STREAM, 0) or die "$!"; connect($s, pack_sockaddr_in($port, inet_aton($host))) or die "$!"; "connected" };
      attempt "datagram to $host", sub { socket(my $s, AF_INET, SOCK_DGRAM, 0) or die "$!"; defined send($s, "x", 0, pack_sockaddr_in($port, inet_aton($host))) or die "$!"; "sent" };
    }
    attempt "IPv6", sub { alarm 2; socket(my $s, 10, SOCK_DGRAM, 0) or die "$!"; defined send($s, "x", 0, pack("SnNa16N", 10, 53, 0, inet_pton(10, "2606:4700:4700::1111"), 0)) or die "$!"; "sent" };
    attempt "broadcast", sub { socket(my $s, AF_INET, SOCK_DGRAM, 0) or die "$!"; setsockopt($s, SOL_SOCKET, SO_BROADCAST, 1) or die "$!"; defined send($s, "x", 0, pack_sockaddr_in(9, inet_aton("255.255.255.255"))) or die "$!"; "sent" };
    twin sub { pipe(my $r, my $w) or die "$!"; "a pipe" };`,
  answeredInside: {
    gvisor: {
      attempts: ["raw socket", "raw_any socket", "packet socket", "route socket", "uevent socket"],
      why: "sockets of the sentry's own network stack, which has no way out",
    },
  },
};
