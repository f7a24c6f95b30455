#include "sandbox/engine_ready.h"

#include "wire/codec.h"

namespace weir::sandbox {

base::Result<std::optional<EngineReadiness>> receiveReady(EngineProcess& process, bool requireSandbox) {
  auto received = process.control().receive();
  if (!received.ok()) return received.error();
  if (received->peerGone) return base::Error{"it ended while it started"};
  if (!received->message) return std::optional<EngineReadiness>();
  const auto& bytes = received->message->bytes;
  const auto notice = wire::decode<wire::Notice>({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  const auto* ready = notice ? std::get_if<wire::EngineReady>(&*notice) : nullptr;
  if (ready == nullptr || ready->wireVersion != wire::kWireVersion) {
    return base::Error{"the engine addon is of another build: run make"};
  }
  auto reported = wire::Confinements::decode(
      {reinterpret_cast<const std::byte*>(ready->confinements.data()), ready->confinements.size()});
  if (!reported.ok()) return reported.error();
  std::optional<EngineReadiness> result(EngineReadiness{process.confinements(), std::string(ready->v8Version)});
  result->confinements.merge(*reported);
  if (requireSandbox && !result->confinements.complete()) {
    return base::Error{"--require-sandbox: " + result->confinements.summary()};
  }
  return result;
}

}  // namespace weir::sandbox
