using System;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Hakmem.Documentation.Tests.Blocks;

// A block as a source file of its own, with a class whose method `RunAsync(string[] args)` is what the block does: its using directives
// in front, its statements within the method, its types behind that. #line directives keep what a compiler or a stack trace says at the
// document's own lines. The method is async only where it awaits, since one that does not is a warning.
internal static partial class BlockSource
{
    public const string Namespace = "DocumentBlocks";

    public static string ClassOf(CodeBlock block) => NoLetter().Replace($"{block.Document}_{block.Line}", "_");

    public static string Wrap(CodeBlock block)
    {
        BlockContext context = BlockContext.Of(block);
        CompilationUnitSyntax unit = CSharpSyntaxTree.ParseText(block.Text).GetCompilationUnitRoot();
        int usingsEnd = unit.Usings.Count == 0 ? 0 : unit.Usings.Last().FullSpan.End;
        int typesStart = unit.Members.FirstOrDefault(member => member is not GlobalStatementSyntax)?.FullSpan.Start ?? block.Text.Length;
        bool isAsync = context.After.Contains("await ", StringComparison.Ordinal) ||
            unit.Members.OfType<GlobalStatementSyntax>().Any(statement => statement.DescendantNodes(IsSameMethod).Any(IsAwait));
        return $$"""
            {{LineDirective(block, 0)}}
            {{block.Text[..usingsEnd]}}
            #line default
            namespace {{Namespace}};

            internal static class {{ClassOf(block)}}
            {
                public static {{(isAsync ? "async " : "")}}Task RunAsync(string[] args)
                {
            {{context.Before}}
            {{LineDirective(block, usingsEnd)}}
            {{block.Text[usingsEnd..typesStart]}}
            #line default
            {{context.After}}
            {{(isAsync ? "" : "return Task.CompletedTask;")}}
                }

            {{LineDirective(block, typesStart)}}
            {{block.Text[typesStart..]}}
            #line default
            }

            """;
    }

    private static string LineDirective(CodeBlock block, int position) =>
        $"#line {block.Line + block.Text.AsSpan(0, position).Count('\n')} \"{block.Document}\"";

    private static bool IsSameMethod(SyntaxNode node) => node is not (AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax);

    private static bool IsAwait(SyntaxNode node) => node is AwaitExpressionSyntax ||
        (node is LocalDeclarationStatementSyntax local && local.AwaitKeyword.IsKind(SyntaxKind.AwaitKeyword)) ||
        (node is UsingStatementSyntax usingStatement && usingStatement.AwaitKeyword.IsKind(SyntaxKind.AwaitKeyword)) ||
        (node is CommonForEachStatementSyntax loop && loop.AwaitKeyword.IsKind(SyntaxKind.AwaitKeyword));

    [GeneratedRegex("[^A-Za-z0-9]")]
    private static partial Regex NoLetter();
}
