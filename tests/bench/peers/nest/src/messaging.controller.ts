import { Body, Controller, Get, Param, Post, Query, UseGuards } from '@nestjs/common';

import { AuthGuard, Caller, Claims } from './auth.guard';
import { ConversationQuery, CreateMessageDto, PageQuery } from './dto';
import { MessagingService } from './messaging.service';

@Controller('messaging/conversations')
@UseGuards(AuthGuard)
export class MessagingController {
    constructor(private readonly messaging: MessagingService) {}

    @Get()
    findConversations(@Caller() caller: Claims, @Query() query: ConversationQuery) {
        return this.messaging.findConversations(caller, query);
    }

    @Get('unread/total')
    totalUnread(@Caller() caller: Claims) {
        return this.messaging.totalUnread(caller);
    }

    @Get(':id/messages')
    findMessages(@Caller() caller: Claims, @Param('id') id: string, @Query() query: PageQuery) {
        return this.messaging.findMessages(caller, id, query);
    }

    @Post(':id/messages')
    createMessage(@Caller() caller: Claims, @Param('id') id: string,
        @Body() body: CreateMessageDto) {
        return this.messaging.createMessage(caller, id, body);
    }
}
