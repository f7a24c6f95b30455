#include "wire/control_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace weir::wire {
namespace {

base::Error systemError(const char* what) {
  return {std::string("control socket: ") + what + ": " + std::strerror(errno)};
}

// Room for one descriptor more than allowed, so that one too many is seen and not cut off silently.
constexpr size_t kAncillaryBytes = CMSG_SPACE(sizeof(int) * (ControlMessage::kDescriptorsMax + 1));

std::vector<Descriptor> takeDescriptors(msghdr& header) {
  std::vector<Descriptor> result;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      result.emplace_back(fd);
    }
  }
  return result;
}

}  // namespace

base::Result<std::pair<ControlSocket, ControlSocket>> ControlSocket::makePair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
    return systemError("socketpair");
  }
  return std::pair(ControlSocket(Descriptor(fds[0])), ControlSocket(Descriptor(fds[1])));
}

base::Result<ControlSocket::Sent> ControlSocket::send(std::span<const std::byte> bytes,
                                                      std::span<const int> descriptors) {
  if (bytes.empty() || bytes.size() > ControlMessage::kBytesMax) {
    return base::Error{"control socket: a message has 1 to " + std::to_string(ControlMessage::kBytesMax) +
                       " bytes, this one " + std::to_string(bytes.size())};
  }
  if (descriptors.size() > ControlMessage::kDescriptorsMax) {
    return base::Error{"control socket: at most " + std::to_string(ControlMessage::kDescriptorsMax) +
                       " descriptors in a message"};
  }
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, kAncillaryBytes> ancillary{};
  if (!descriptors.empty()) {
    header.msg_control = ancillary.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  for (;;) {
    const ssize_t sent = ::sendmsg(fd(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      CHECK(static_cast<size_t>(sent) == bytes.size());
      return Sent::kYes;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ETOOMANYREFS) return Sent::kWouldBlock;
    if (errno == EPIPE || errno == ECONNRESET) return Sent::kPeerGone;
    return systemError("sendmsg");
  }
}

base::Result<ControlSocket::Received> ControlSocket::receive(Wait wait) {
  ControlMessage message;
  message.bytes.resize(ControlMessage::kBytesMax);
  alignas(cmsghdr) std::array<char, kAncillaryBytes> ancillary{};
  for (;;) {
    iovec part{message.bytes.data(), message.bytes.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = ancillary.data();
    header.msg_controllen = ancillary.size();
    const ssize_t length = ::recvmsg(fd(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno == ECONNRESET) return Received{.peerGone = true, .message = std::nullopt};
      if (errno != EAGAIN) return systemError("recvmsg");
      if (wait == Wait::kNo) return Received{};
      pollfd readable{fd(), POLLIN, 0};
      if (::poll(&readable, 1, -1) < 0 && errno != EINTR) return systemError("poll");
      continue;
    }
    message.descriptors = takeDescriptors(header);
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
        message.descriptors.size() > ControlMessage::kDescriptorsMax) {
      return base::Error{"control socket: message over a bound"};
    }
    // A packet without bytes cannot be told from the end of the stream, so nobody sends one.
    if (length == 0) return Received{.peerGone = true, .message = std::nullopt};
    message.bytes.resize(static_cast<size_t>(length));
    return Received{.peerGone = false, .message = std::move(message)};
  }
}

}  // namespace weir::wire
