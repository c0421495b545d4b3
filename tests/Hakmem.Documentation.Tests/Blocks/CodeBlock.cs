namespace Hakmem.Documentation.Tests.Blocks;

// One fenced block of a document. Document is its path from the repository's root, Line that of the first line within the fence,
// Language what follows the opening fence, and Context what a comment in front of it names, or null.
internal sealed record CodeBlock(string Document, int Line, string Language, string? Context, string Text)
{
    // How tests name it: editors open it as a place.
    public string Place => $"{Document}:{Line}";
}
