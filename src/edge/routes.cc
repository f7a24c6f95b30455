#include "edge/routes.h"

namespace weir::edge {

namespace {

constexpr size_t kHostBytesMax = 254;  // a domain name and the root's dot

}  // namespace

std::shared_ptr<const sandbox::RunnableVersion> Routes::find(std::string_view authority) const {
  if (everyHost) return everyHost;
  std::string_view host = authority.substr(0, authority.rfind(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() > kHostBytesMax) return nullptr;
  char lower[kHostBytesMax];
  for (size_t i = 0; i < host.size(); ++i) {
    lower[i] = host[i] >= 'A' && host[i] <= 'Z' ? static_cast<char>(host[i] + ('a' - 'A')) : host[i];
  }
  const std::string_view name(lower, host.size());
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos) return nullptr;
  std::string_view suffix = name.substr(dot + 1);
  if (!suffix.starts_with(subdomain)) return nullptr;
  suffix.remove_prefix(subdomain.size());
  if (!suffix.starts_with('.')) return nullptr;
  suffix.remove_prefix(1);
  if (suffix != workersDomain && suffix != "workers.dev") return nullptr;
  const auto at = byScript.find(name.substr(0, dot));
  return at == byScript.end() ? nullptr : at->second;
}

}  // namespace weir::edge
