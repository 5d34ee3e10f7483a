//! A table of French translations of the error texts in the core crate. The table finds a translation by the English
//! text, so it must be updated if an English text changes.

#[rustfmt::skip]
static FRENCH: &[(&str, &str)] = &[
    ("the input is not valid",
     "l'entrée n'est pas valide"),
    ("correct it and call again; nothing was changed",
     "corrigez-la et recommencez ; rien n'a été modifié"),
    ("no API key was given",
     "aucune clé d'API n'a été donnée"),
    ("set CODAT_API_KEY to a raw key, CODAT_AUTH_HEADER to a whole header, CODAT_API_KEY_FILE to a file that holds either, or CODAT_PROFILE to a profile that `codat-keys login` made; or run the program with `codat-keys exec`",
     "mettez une clé brute dans CODAT_API_KEY, un en-tête complet dans CODAT_AUTH_HEADER, le chemin d'un fichier qui contient l'un des deux dans CODAT_API_KEY_FILE, ou le nom d'un profil créé par `codat-keys login` dans CODAT_PROFILE ; ou lancez le programme avec `codat-keys exec`"),
    ("the API key is not valid",
     "la clé d'API n'est pas valide"),
    ("copy the key again from the page Developers > API keys of Codat's Portal",
     "copiez la clé de nouveau depuis la page Developers > API keys du portail de Codat"),
    ("Codat does not accept the API key",
     "Codat n'accepte pas la clé d'API"),
    ("the key is wrong or was deleted, or belongs to another instance: compare its last four characters with the Portal's page Developers > API keys",
     "la clé est incorrecte, a été supprimée ou appartient à une autre instance : comparez ses quatre derniers caractères avec ceux de la page Developers > API keys du portail"),
    ("a limit of the Codat account is reached",
     "une limite du compte Codat est atteinte"),
    ("read Codat's message; a free account can have up to 50 companies and expires after 365 days",
     "lisez le message de Codat ; un compte gratuit est limité à 50 entreprises et à 365 jours"),
    ("the API key may not do this",
     "la clé d'API n'autorise pas cette opération"),
    ("the key is outdated or belongs to another account; keys are managed by Administrators and Developers",
     "la clé est périmée ou appartient à un autre compte ; les clés sont gérées par les rôles Administrator et Developer"),
    ("the account has 10 keys already, the most that Codat allows",
     "le compte a déjà 10 clés, le maximum que Codat autorise"),
    ("delete an unused key, then create again",
     "supprimez une clé inutilisée, puis recommencez la création"),
    ("this is the last remaining key",
     "c'est la dernière clé qui reste"),
    ("create another key first: without a key, no program can call the API",
     "créez d'abord une autre clé : sans clé, aucun programme ne peut appeler l'API"),
    ("this is the key in use",
     "cet appel utilise cette clé"),
    ("use another key to delete it, or allow deleting the key in use",
     "supprimez-la avec une autre clé, ou autorisez la suppression de la clé en cours d'utilisation"),
    ("there is no such key or resource",
     "cette clé ou cette ressource n'existe pas"),
    ("list the keys to see their ids, and check the base URL",
     "listez les clés pour voir leurs identifiants, et vérifiez l'URL de base"),
    ("too many requests",
     "trop de requêtes"),
    ("wait for the time that the response names; the daily count is reset at 00:00 UTC",
     "attendez le temps que la réponse indique ; le compteur du jour repart de zéro à 00:00 UTC"),
    ("it is unknown whether the change took effect",
     "on ne sait pas si la modification a pris effet"),
    ("list the keys before you try again",
     "listez les clés avant de réessayer"),
    ("the request conflicts with another",
     "la requête est en conflit avec une autre"),
    ("Codat failed to process the request",
     "Codat n'a pas pu traiter la requête"),
    ("try again later; give the correlation id to Codat's support",
     "réessayez plus tard ; donnez l'identifiant de corrélation au support de Codat"),
    ("there is no connection",
     "la connexion a échoué"),
    ("check the base URL, the network and the proxy",
     "vérifiez l'URL de base, le réseau et le proxy"),
    ("no response arrived in time",
     "la réponse n'est pas arrivée à temps"),
    ("try again, or allow more time",
     "réessayez, ou accordez plus de temps"),
    ("the response is not one that Codat documents",
     "la réponse n'est pas conforme à la documentation de Codat"),
    ("check the base URL, and what is between this machine and Codat: a proxy, a gateway, a captive portal",
     "vérifiez l'URL de base et ce qui se trouve entre vous et Codat : un proxy, une passerelle, un portail captif"),
    ("the response is larger than the limit",
     "la réponse dépasse la limite"),
    ("ask for smaller pages, raise `max_response_bytes`, or stream the response",
     "demandez des pages plus petites, augmentez `max_response_bytes`, ou lisez la réponse par morceaux"),
    ("the call was cancelled",
     "l'appel a été annulé"),
    ("nothing was changed",
     "rien n'a été modifié"),
    ("the client is closed",
     "le client est fermé"),
    ("create a new client, or call before this one is closed; nothing was sent",
     "faites l'appel avant de fermer le client, ou créez-en un nouveau ; rien n'a été envoyé"),
    ("this is a defect of codat-keys",
     "c'est un bogue de codat-keys"),
    ("please report it, without any key",
     "signalez-le, sans donner aucune clé"),
];

/// Returns the French translation of an English error text. The API keys page and `docs/errors.fr.md` contain
/// these translations.
pub(super) fn french(english: &str) -> Option<String> {
    let (_, french) = FRENCH.iter().find(|(text, _)| *text == english)?;
    // In French, a no-break space precedes `:` and `;`.
    Some(french.replace(" :", "\u{a0}:").replace(" ;", "\u{a0};"))
}

#[cfg(test)]
mod tests {
    use codat_keys::ErrorKind;

    use super::*;

    #[test]
    fn every_translation_belongs_to_an_error_text() {
        for (english, _) in FRENCH {
            let is_used = ErrorKind::all().iter().any(|kind| [kind.text(), kind.hint()].contains(english));
            assert!(is_used, "no error has the text `{english}`");
        }
    }

    #[test]
    fn every_error_text_has_a_translation() {
        for text in ErrorKind::all().iter().flat_map(|kind| [kind.text(), kind.hint()]) {
            assert!(french(text).is_some(), "`{text}` has no translation");
        }
    }
}
