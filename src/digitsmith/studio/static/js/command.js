// Command lines that can be pasted into a shell, as report/commands.py writes them.

export function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\"'\"'")}'`;
}

// An option with its value; one that begins with a dash is joined to it.
export function option(name, value) {
  return String(value).startsWith("-") ? quoted(`--${name}=${value}`) : `--${name} ${quoted(String(value))}`;
}
