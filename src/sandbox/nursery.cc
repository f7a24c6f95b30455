#include "sandbox/nursery.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "sandbox/engine_ready.h"
#include "sandbox/pipe.h"
#include "wire/codec.h"

namespace weir::sandbox {

namespace {

using Clock = std::chrono::steady_clock;

// Making a copy takes a millisecond; a machine may be busy, and this process yields to others.
constexpr std::chrono::milliseconds kMadeMax{10'000};

int leftMs(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

// Which process a pidfd is of, in our own pid namespace; 0: of none, or it is no pidfd.
pid_t processOf(int pidfd) {
  const wire::Descriptor file(::open(("/proc/self/fdinfo/" + std::to_string(pidfd)).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> text{};
  if (!file || ::read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  const char* at = std::strstr(text.data(), "\nPid:");
  const long pid = at != nullptr ? std::strtol(at + 5, nullptr, 10) : 0;
  return pid > 0 ? static_cast<pid_t>(pid) : 0;
}

}  // namespace

base::Result<std::unique_ptr<Nursery>> Nursery::start(const EngineImage& image, const EngineLaunch& launch,
                                                      std::chrono::milliseconds readyMax, int stop) {
  auto process = EngineProcess::spawn(image, launch);
  if (!process.ok()) return process.error();
  std::string said;
  const auto listen = [&](EngineProcess& from) {
    return from.drainOutput([&](std::string_view line) { said = ": " + std::string(line); });
  };
  const auto deadline = Clock::now() + readyMax;
  pollfd waits[] = {{(*process)->control().fd(), POLLIN, 0},
                    {(*process)->pidfd(), POLLIN, 0},
                    {(*process)->outputFd(), POLLIN, 0},
                    {stop, POLLIN, 0}};
  for (;;) {
    const int ready = ::poll(waits, std::size(waits), leftMs(deadline));
    if (ready == 0) return base::Error{"it is not ready in time" + said};
    if ((waits[2].revents & (POLLIN | POLLHUP)) != 0 && !listen(**process)) waits[2].fd = -1;
    if ((waits[3].revents & POLLIN) != 0) return base::Error{"given up"};
    if ((waits[0].revents & POLLIN) != 0) {
      auto readiness = receiveReady(**process, false);  // its copies are confined further, and checked each
      if (!readiness.ok()) return base::Error{readiness.error().message + said};
      if (*readiness) return std::unique_ptr<Nursery>(new Nursery(std::move(process).value(), stop));
    }
    if ((waits[1].revents & POLLIN) != 0) {
      (void)listen(**process);
      return base::Error{"it " + (*process)->wait().text() + said};
    }
  }
}

base::Result<std::unique_ptr<EngineProcess>> Nursery::make(const std::shared_ptr<Nursery>& nursery) {
  auto sockets = wire::ControlSocket::makePair();
  if (!sockets.ok()) return sockets.error();
  auto output = makePipe(O_NONBLOCK);
  if (!output.ok()) return output.error();
  auto status = makePipe(O_NONBLOCK);
  if (!status.ok()) return status.error();
  const int descriptors[] = {sockets->second.fd(), output->writing.get(), status->writing.get()};
  std::vector<uint8_t> request;
  wire::encode<wire::Notice>(wire::EngineWanted{}, request);

  EngineProcess& process = *nursery->process_;
  const std::lock_guard lock(nursery->mutex_);
  (void)process.drainOutput([](std::string_view) {});
  const auto sent = process.control().send(std::as_bytes(std::span(request)), descriptors);
  if (!sent.ok()) return sent.error();
  if (*sent != wire::ControlSocket::Sent::kYes) return base::Error{"it does not answer"};
  auto pidfd = nursery->receiveMade();
  if (!pidfd.ok()) return pidfd.error();
  const pid_t pid = processOf(pidfd->get());
  if (pid == 0) return base::Error{"it broke its protocol"};
  return EngineProcess::adopt({pid, std::move(pidfd).value(), std::move(sockets->first), std::move(output->reading),
                               std::move(status->reading), process.confinements(), nursery});
}

bool Nursery::alive() const {
  pollfd ended{process_->pidfd(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 0;
}

base::Result<wire::Descriptor> Nursery::receiveMade() {
  const auto deadline = Clock::now() + kMadeMax;
  for (;;) {
    pollfd waits[] = {{process_->control().fd(), POLLIN, 0}, {stop_, POLLIN, 0}};
    const int ready = ::poll(waits, std::size(waits), leftMs(deadline));
    if (ready == 0) return base::Error{"it does not answer"};
    if (ready < 0) continue;
    if ((waits[1].revents & POLLIN) != 0) return base::Error{"given up"};
    auto received = process_->control().receive();
    if (!received.ok()) return received.error();
    if (received->peerGone) return base::Error{"it has ended"};
    if (!received->message) continue;
    auto& message = *received->message;
    const auto notice =
        wire::decode<wire::Notice>({reinterpret_cast<const uint8_t*>(message.bytes.data()), message.bytes.size()});
    const auto* made = notice ? std::get_if<wire::EngineMade>(&*notice) : nullptr;
    if (made == nullptr || message.descriptors.size() != (made->made ? 1U : 0U))
      return base::Error{"it broke its protocol"};
    if (!made->made) return base::Error{std::string(made->reason)};
    return std::move(message.descriptors[0]);
  }
}

}  // namespace weir::sandbox
