import java.io.FileReader;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.openssl.jcajce.JceOpenSSLPKCS8DecryptorProviderBuilder;
import org.bouncycastle.pkcs.PKCS8EncryptedPrivateKeyInfo;

/**
 * Reads a certificate file and a key file with BouncyCastle: {@code PemCheck CERTIFICATES KEY}, the password, where
 * there is one, in KEY_PASSWORD. Prints the chain, the key's algorithm, and whether they belong together.
 */
final class PemCheck {
    public static void main(String[] args) throws Exception {
        try {
            char[] password = Keys.password("KEY_PASSWORD");
            PemCredentials credentials = new PemCredentials();
            PrivateKey encrypted = encryptedPkcs8(args[1], password);
            if (encrypted == null) {
                credentials = PemCredentials.load(args[0], args[1], password);
            } else {
                // ThingsBoard's rule engine takes what its transports pass over.
                credentials.read(args[0], password, true);
                credentials.key = encrypted;
            }
            List<Object> subjects = new ArrayList<>();
            for (X509Certificate certificate : credentials.chain) {
                subjects.add(certificate.getSubjectX500Principal().getName());
            }
            System.out.println(Json.text(Json.object(
                    "chain", subjects,
                    "algorithm", credentials.key.getAlgorithm(),
                    "encrypted_pkcs8", encrypted != null,
                    "signs", Keys.belongTogether(credentials.key, credentials.chain.get(0).getPublicKey()))));
        } catch (Exception e) {
            System.out.println(Json.text(Json.object("error", e.toString())));
            System.exit(1);
        }
    }

    private static PrivateKey encryptedPkcs8(String file, char[] password) throws Exception {
        try (PEMParser parser = new PEMParser(new FileReader(file))) {
            for (Object block = parser.readObject(); block != null; block = parser.readObject()) {
                if (block instanceof PKCS8EncryptedPrivateKeyInfo info) {
                    return new JcaPEMKeyConverter().setProvider("BC").getPrivateKey(info.decryptPrivateKeyInfo(
                            new JceOpenSSLPKCS8DecryptorProviderBuilder().setProvider("BC").build(password)));
                }
            }
        }
        return null;
    }
}
