import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CRL;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;

/**
 * PKIX with revocation on, as a Java server does it: {@code RevocationCheck ROOT CHAIN LISTS}, all PEM. The chain must
 * not contain the root. Prints the number of entries of all lists, and what became of the chain.
 */
final class RevocationCheck {
    public static void main(String[] args) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        X509Certificate root = (X509Certificate) factory.generateCertificate(open(args[0]));
        List<Certificate> chain = new ArrayList<>(factory.generateCertificates(open(args[1])));
        Collection<? extends CRL> lists = factory.generateCRLs(open(args[2]));
        long entries = 0;
        for (CRL list : lists) {
            var revoked = ((java.security.cert.X509CRL) list).getRevokedCertificates();
            entries += revoked == null ? 0 : revoked.size();
        }
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        parameters.setRevocationEnabled(true);
        parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists)));
        try {
            CertPathValidator.getInstance("PKIX").validate(factory.generateCertPath(chain), parameters);
            System.out.println(Json.text(Json.object("outcome", "valid", "entries", entries)));
        } catch (CertPathValidatorException e) {
            String reason = e.getReason().toString();
            System.out.println(Json.text(Json.object("outcome", "refused", "reason", reason, "entries", entries)));
            System.exit(1);
        }
    }

    private static ByteArrayInputStream open(String file) throws Exception {
        return new ByteArrayInputStream(Files.readAllBytes(Path.of(file)));
    }
}
