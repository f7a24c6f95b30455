// weir secret-key: what secrets are sealed with.
#include <CLI/CLI.hpp>
#include <memory>

#include "base/random.h"
#include "cli/catalog_command.h"
#include "cli/secret_keys.h"

namespace weir::cli {

void addSecretKeyCommand(CLI::App& app, CatalogCommand& command) {
  auto* noun = addNoun(app, "secret-key", "The key that scripts' secrets are sealed with", "weir secret-key rotate");
  const auto given = std::make_shared<std::string>();
  const auto addCommandOption = [given](CLI::App& verb) {
    verb.add_option("--secret-key-command", *given, "Prints the keys, instead of the file secret.key in --data");
  };

  auto* rotate = addVerb(*noun, command, "rotate", "Seal every secret anew, with another key; weir may serve meanwhile",
                         "weir secret-key rotate");
  addCommandOption(*rotate);
  rotate->callback([&command, given] {
    command.changes = true;
    command.run = [&command, given](CatalogSession& session) {
      base::SystemRandom random;
      auto lock = KeyLock::take(command.data);
      if (!lock.ok()) return session.refuse(lock.error());
      auto done = rotateSecretKey(*lock, std::make_shared<KeySource>(secretKeyPath(command.data), *given),
                                  session.catalog, random);
      if (!done.ok()) return session.refuse(done.error());
      return session.say("sealed " + std::to_string(done->secrets) + " secrets with the key " + done->after + "; " +
                             done->before + " is not used any more",
                         JsonObject()
                             .text("key", done->after)
                             .text("key_before", done->before)
                             .number("secrets", done->secrets)
                             .done());
    };
  });

  auto* show = addVerb(*noun, command, "show", "Which key is in use, by its id", "weir secret-key show");
  addCommandOption(*show);
  show->callback([&command, given] {
    command.run = [&command, given](CatalogSession& session) {
      const KeySource source(secretKeyPath(command.data), *given);
      auto named = session.catalog.secretKey();
      if (!named.ok()) return session.refuse(named.error());
      auto keys = source.read();
      if (!keys.ok()) return session.refuse(keys.error());
      const std::string inUse = named->value_or("");
      std::vector<std::vector<std::string>> rows;
      std::vector<std::string> objects;
      const auto add = [&](const std::string& id, bool here) {
        rows.push_back({id, id == inUse ? "in use" : "not used", here ? source.name() : "missing"});
        objects.push_back(JsonObject().text("key", id).boolean("in_use", id == inUse).boolean("here", here).done());
      };
      bool seen = false;
      if (*keys) {
        for (const auto& key : **keys) {
          add(key.id(), true);
          seen = seen || key.id() == inUse;
        }
      }
      if (!seen && !inUse.empty()) add(inUse, false);
      session.list({"KEY", "STATE", "FROM"}, rows, objects, "no key yet; weir serve makes one at its first start");
      return inUse.empty() || seen ? 0 : 1;
    };
  });
}

}  // namespace weir::cli
