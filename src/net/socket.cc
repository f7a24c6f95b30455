#include "net/socket.h"

#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::net {
namespace {

base::Error errorOf(const char* call, const Address& address, int code) {
  return {std::string(call) + " " + address.format() + ": " + std::strerror(code)};
}

void enable(int fd, int level, int option) {
  const int one = 1;
  setsockopt(fd, level, option, &one, sizeof one);
}

Fd makeTcpSocket(const Address& address) {
  return Fd(socket(address.raw()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
}

}  // namespace

void Fd::reset() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

base::Result<Fd> listenTcp(const Address& address, int backlog) {
  Fd fd = makeTcpSocket(address);
  if (!fd) return errorOf("socket for", address, errno);
  enable(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  enable(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (address.isIpv6()) enable(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (bind(fd.get(), address.raw(), address.rawSize()) != 0) return errorOf("bind to", address, errno);
  if (listen(fd.get(), backlog) != 0) return errorOf("listen on", address, errno);
  return fd;
}

base::Status checkUnused(const Address& address) {
  if (address.port() == 0) return base::Nothing{};
  Fd fd = makeTcpSocket(address);
  if (!fd) return errorOf("socket for", address, errno);
  enable(fd.get(), SOL_SOCKET, SO_REUSEADDR);  // what only lingers from before is no hindrance
  if (address.isIpv6()) enable(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (bind(fd.get(), address.raw(), address.rawSize()) != 0) return errorOf("bind to", address, errno);
  return base::Nothing{};
}

base::Result<Fd, ConnectFailure> startConnect(const Address& address) {
  const auto failed = [&](const char* call, int code) {
    return ConnectFailure{code, errorOf(call, address, code).message};
  };
  Fd fd = makeTcpSocket(address);
  if (!fd) return failed("socket for", errno);
  setNoDelay(fd.get());
  if (connect(fd.get(), address.raw(), address.rawSize()) != 0 && errno != EINPROGRESS)
    return failed("connect to", errno);
  return fd;
}

int connectResult(int fd) {
  int code = 0;
  socklen_t size = sizeof code;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) return errno;
  return code;
}

void setNoDelay(int fd) { enable(fd, IPPROTO_TCP, TCP_NODELAY); }

void setResetOnClose(int fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::optional<Address> localAddress(int fd) {
  sockaddr_storage raw{};
  socklen_t size = sizeof raw;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&raw), &size) != 0) return std::nullopt;
  return Address::fromSockaddr(reinterpret_cast<sockaddr*>(&raw), size);
}

}  // namespace weir::net
