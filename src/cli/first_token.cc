#include "cli/first_token.h"

#include <unistd.h>

#include <algorithm>

#include "base/whole_file.h"

namespace weir::cli {

namespace {

constexpr const char* kName = "first start";

}  // namespace

std::string tokenPath(const std::string& data) { return data + "/token"; }

base::Status makeFirstToken(const std::string& data, bool firstStart, catalog::Catalog& catalog,
                            const catalog::Account& account, base::Random& random) {
  const std::string path = tokenPath(data);
  if (::access(path.c_str(), F_OK) == 0) return base::Nothing{};
  auto tokens = catalog.tokens(std::nullopt);
  if (!tokens.ok()) return base::Error{tokens.error().message};
  const catalog::SecretText text = catalog::newTokenText(random);
  const catalog::TokenHash hash = catalog::tokenHash(text.view());
  const auto known = std::find_if(tokens->begin(), tokens->end(), [&](const catalog::Token& token) {
    return token.name == kName && token.scope.account == account.id;
  });
  if (known != tokens->end()) {
    // One that was never used: its text went with the process that made it.
    if (known->usedMs) return base::Nothing{};
    if (auto rolled = catalog.rollToken(known->id, hash); !rolled.ok()) return base::Error{rolled.error().message};
  } else {
    if (!firstStart && !tokens->empty()) return base::Nothing{};
    catalog::NewToken token;
    token.hash = hash;
    token.name = kName;
    token.scope.account = account.id;
    if (auto added = catalog.addToken(token); !added.ok()) return base::Error{added.error().message};
  }
  catalog::SecretText line(text.size() + 1);
  text.view().copy(line.data(), text.size());
  line.data()[text.size()] = '\n';
  return base::writeWholeFile(path, line.view());
}

}  // namespace weir::cli
