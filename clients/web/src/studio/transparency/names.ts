/** What actions, roles and categories are called; what has no name of ours is called as it is. */
import { isKey, t } from "../../i18n";

function named(key: string, plain: string): string {
  return isKey(key) ? t(key) : plain;
}

export const actionName = (action: string) => named(`audit.action.${action}`, action);
export const roleName = (role: string) => named(`audit.role.${role}`, role);
export const codeName = (code: string) =>
  named(`audit.code.${code}`, named(`filter.category.${code}`, code.replaceAll("_", " ")));
/** What is wrong with a record: as the node says it, where its code has no words of ours. */
export const problemName = ({ code, what }: { code: string; what: string }) => named(`chain.code.${code}`, what);
