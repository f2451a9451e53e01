# Makes the table of the name TABLE (-v TABLE=…), declared in templates/defaults.h, of the texts that
# are named on the command line: a line of it for each, in which a line of the text is a string.

BEGIN {
    print "/* Made of the texts in templates/ by templates/defaults.awk. */"
    print "#include \"templates/defaults.h\""
    print ""
    print "const struct template_default " TABLE "[] = {"
}

FNR == 1 {
    if (NR > 1)
        print "    },"
    file = FILENAME
    sub(/.*\//, "", file)
    printf "    {\"%s\",\n", file
}

{
    gsub(/[\\"?]/, "\\\\&") # two question marks would begin a trigraph
    printf "     \"%s\\n\"\n", $0
}

END {
    print "    },"
    print "    {0},"
    print "};"
}
