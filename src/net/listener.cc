#include "net/listener.h"

#include <fcntl.h>

#include <cerrno>

namespace weir::net {
namespace {

Fd openSpare() { return Fd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

base::Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, const Address& address, AcceptHandler& handler,
                                                       const ListenerLimits& limits) {
  auto fd = listenTcp(address, limits.backlog);
  if (!fd.ok()) return fd.error();
  const Address bound = localAddress(fd->get()).value_or(address);
  return std::unique_ptr<Listener>(new Listener(loop, std::move(*fd), bound, handler, limits));
}

Listener::Listener(Loop& loop, Fd fd, const Address& address, AcceptHandler& handler, const ListenerLimits& limits)
    : loop_(loop),
      fd_(std::move(fd)),
      address_(address),
      handler_(handler),
      limits_(limits),
      spare_(openSpare()),
      resume_(loop.timers(), [this] { loop_.rewatch(fd_.get(), EPOLLIN, *this); }) {
  loop_.watch(fd_.get(), EPOLLIN, *this);
}

Listener::~Listener() { loop_.unwatch(fd_.get(), *this); }

void Listener::onReady(uint32_t) {
  DropFlag::Watch watch(dropFlag_);
  for (uint32_t i = 0; i < limits_.acceptsPerWakeMax; ++i) {
    if (!acceptOne() || watch.dropped()) return;
  }
}

void Listener::acceptWaiting() {
  DropFlag::Watch watch(dropFlag_);
  for (int i = 0; i <= limits_.backlog; ++i) {
    if (!acceptOne() || watch.dropped()) return;
  }
}

// False: none waits, or there is no memory or descriptor for it now.
bool Listener::acceptOne() {
  sockaddr_storage raw{};
  socklen_t size = sizeof raw;
  Fd socket(accept4(fd_.get(), reinterpret_cast<sockaddr*>(&raw), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) return true;
    if (errno == EMFILE || errno == ENFILE) refuseOne();
    pause();
    return false;
  }
  setNoDelay(socket.get());
  const auto peer = Address::fromSockaddr(reinterpret_cast<sockaddr*>(&raw), size);
  handler_.onAccept(std::move(socket), peer.value_or(Address()));
  return true;
}

void Listener::refuseOne() {
  spare_.reset();
  Fd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
  spare_ = openSpare();
}

void Listener::pause() {
  loop_.rewatch(fd_.get(), 0, *this);
  resume_.arm(loop_.now() + limits_.exhaustedPause);
}

}  // namespace weir::net
