"""Prints tunnel packets that are wrong, built by scapy: a line of JSON for each, with the name of the drop that it is to be counted
as, or none if scapy has chosen at random what is in the tunnel's header. Arguments: Ethernet addresses of receiver and sender."""
import json
import random
import sys

from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III
from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, HBHOptUnknown
from scapy.layers.l2 import Dot1Q, Ether, GRE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw, fuzz

TEB = 0x6558  # Ethernet frames, as an EtherType
IP4 = dict(src="10.77.0.2", dst="10.77.0.100")
IP6 = dict(src="fd77::2", dst="fd77::100")
near, far = sys.argv[1:3]
inner = Ether(dst="02:88:00:00:00:01", src="02:88:00:00:00:02") / IP(src="10.88.0.2", dst="10.88.0.1") / UDP(sport=9, dport=9) / Raw(bytes(60))


def show(name, drop, packet, cut=0):
    """Prints a packet, without its last bytes."""
    data = bytes(Ether(dst=near, src=far) / packet)
    print(json.dumps({"name": name, "drop": drop, "packet": data[: len(data) - cut].hex()}))


def vxlan(**fields):
    return VXLAN(**({"vni": 42, "flags": "Instance"} | fields)) / inner


def geneve(**fields):
    return GENEVE(**({"vni": 42, "proto": TEB} | fields)) / inner


def udp(port, **fields):
    return UDP(sport=40000, dport=port, **fields)


def gre(**fields):
    return GRE(**({"key_present": 1, "key": 42, "proto": TEB} | fields))


option = GeneveOptions(classid=0x102, type=1, length=31, data=bytes(4))
known = HBHOptUnknown(otype=0xC2, optlen=4, optdata=bytes(4))  # an option that must be known

for v, ip in ("4", IP(**IP4)), ("6", IPv6(**IP6)):
    for name, port, header in ("VXLAN", 4789, vxlan), ("GENEVE", 6081, geneve):
        name += " over IPv" + v
        show(name + ", a wrong UDP checksum", "tunnel_udp_checksum", ip / udp(port, chksum=1) / header())
        show(name + ", a UDP length beyond the packet", "tunnel_length", ip / udp(port, len=4000) / header())
        show(name + ", a UDP length of its header alone", "tunnel_length", ip / udp(port, len=8) / header())
        show(name + ", cut off", "tunnel_length", ip / udp(port) / header(), cut=50)
    show("VXLAN over IPv" + v + ", no VNI", "tunnel_header", ip / udp(4789) / vxlan(flags=0))
    show("VXLAN over IPv" + v + ", another flag", "tunnel_header", ip / udp(4789) / vxlan(flags=0x48))
    show("GENEVE over IPv" + v + ", another version", "tunnel_header", ip / udp(6081) / geneve(version=1))
    show("GENEVE over IPv" + v + ", IPv4 inside", "tunnel_header", ip / udp(6081) / geneve(proto=0x0800))
    show("GENEVE over IPv" + v + ", options beyond the packet", "tunnel_options", ip / udp(6081) / geneve(optionlen=63))
    show("GENEVE over IPv" + v + ", an option beyond the others", "tunnel_options", ip / udp(6081) / geneve(optionlen=2, options=[option]))
show("IPv4, a wrong checksum", "tunnel_ip_checksum", IP(chksum=1, **IP4) / udp(4789) / vxlan())
show("IPv4, a length beyond the frame", "tunnel_length", IP(len=4000, **IP4) / udp(4789) / vxlan())
show("IPv4, congestion that cannot be told inside", "tunnel_ecn", IP(tos=3, **IP4) / udp(4789) / vxlan())
show("IPv6, no UDP checksum", "tunnel_no_udp_checksum", IPv6(**IP6) / udp(4789, chksum=0) / vxlan())
show("IPv6, an option that must be known", "tunnel_ipv6_extension", IPv6(**IP6) / IPv6ExtHdrDestOpt(options=[known]) / udp(4789) / vxlan())
show("GRE over IPv6, another version", "tunnel_header", IPv6(**IP6) / gre(version=1) / inner)
show("GRE over IPv6, a routing field", "tunnel_header", IPv6(**IP6) / gre(routing_present=1) / inner)
show("GRE over IPv6, a wrong checksum", "tunnel_gre_checksum", IPv6(**IP6) / gre(chksum_present=1, chksum=1) / inner)
show("NVGRE, a sequence number", "tunnel_header", IP(**IP4) / gre(key=42 << 8, seqnum_present=1, sequence_number=7) / inner)
show("NVGRE, a VLAN tag inside", "tunnel_header", IP(**IP4) / gre(key=42 << 8) / Ether(dst="02:88:00:00:00:01") / Dot1Q(vlan=5, type=0x88B5) / Raw(bytes(60)))
spanned = dict(key_present=0, seqnum_present=1, sequence_number=7)
show("ERSPAN type II, another version", "tunnel_header", IP(**IP4) / gre(proto=0x88BE, **spanned) / ERSPAN_II(ver=3, session_id=5) / inner)
show("ERSPAN type III, the version of type II", "tunnel_header", IP(**IP4) / gre(proto=0x22EB, **spanned) / ERSPAN_III(ver=1, session_id=5) / inner)

random.seed(1)
for i in range(60):
    for name, packet in (
        ("VXLAN", udp(4789) / fuzz(VXLAN()) / inner),
        ("GENEVE", udp(6081) / fuzz(GENEVE(options=[])) / inner),
        ("GENEVE with an option", udp(6081) / GENEVE(vni=42, proto=TEB, options=[fuzz(GeneveOptions(data=bytes(4)))]) / inner),
        ("GRE", fuzz(GRE(proto=TEB)) / inner),
        ("ERSPAN", gre(proto=0x88BE, **spanned) / fuzz(ERSPAN_II()) / inner),
    ):
        show(name + " at random", "", (IP(**IP4) if i % 2 else IPv6(**IP6)) / packet)
