#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/hex.h"
#include "base/json_text.h"
#include "cli/commands.h"
#include "cli/platform.h"

namespace weir::cli {

namespace {

// Hex of the file's SHA-256; empty when it cannot be read.
std::string sha256Of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!in || !context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) return {};
  std::array<char, 64 * 1024> block;
  while (in.read(block.data(), block.size()) || in.gcount() > 0) {
    if (EVP_DigestUpdate(context.get(), block.data(), static_cast<size_t>(in.gcount())) != 1) return {};
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) return {};
  return base::hexOf({digest.data(), size});
}

std::string asJson(const Settings& settings, const std::string& v8Version, const std::string& sha256,
                   const wire::Confinements& confinements) {
  std::string out;
  const auto field = [&](const char* name, std::string_view value) {
    out += out.empty() ? "{" : ",";
    base::appendJsonString(out, name);
    out += ':';
    base::appendJsonString(out, value);
  };
  field("weir", WEIR_VERSION);
  field("node", settings.node);
  field("sha256", sha256);
  field("v8", v8Version);
  field("engine", settings.engineDir);
  out += ",\"confined\":";
  out += confinements.complete() ? "true" : "false";
  out += ",\"confinements\":[";
  for (size_t i = 0; i < wire::kConfinementCount; ++i) {
    const auto one = static_cast<wire::Confinement>(i);
    out += i == 0 ? "{\"name\":" : ",{\"name\":";
    base::appendJsonString(out, wire::confinementName(one));
    out += confinements.active(one) ? ",\"active\":true}" : ",\"active\":false,\"reason\":";
    if (confinements.active(one)) continue;
    base::appendJsonString(out, confinements.reason(one));
    out += '}';
  }
  return out + "]}\n";
}

}  // namespace

int doctor(const CommandLine& line, const Settings& defaults) {
  Settings settings = line.over(defaults);
  settings.edge = "127.0.0.1:0";
  settings.control.clear();
  settings.engines = 1;
  // A folder of its own: the data directory may be in use, and this leaves nothing behind.
  std::string folder = (std::filesystem::temp_directory_path() / "weir-doctor-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr)
    return fail("cannot make a folder in " + std::filesystem::temp_directory_path().string());
  settings.data = folder;
  settings.catalog = false;
  const base::SystemClock clock;
  auto started = Platform::start(settings, clock);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  if (!started.ok()) return fail(started.error().message);
  const auto engine = (*started)->engines()[0];
  const std::string sha256 = sha256Of(settings.node);
  if (line.json) {
    std::fputs(asJson(settings, engine.v8Version, sha256, engine.confinements).c_str(), stdout);
  } else {
    std::printf("weir       %s\nnode       %s\nSHA-256    %s\nV8         %s\nengine     %s\n\n%s", WEIR_VERSION,
                settings.node.c_str(), sha256.c_str(), engine.v8Version.c_str(), settings.engineDir.c_str(),
                engine.confinements.table().c_str());
  }
  std::fflush(stdout);
  std::_Exit(engine.confinements.complete() ? 0 : 1);
}

}  // namespace weir::cli
